//! What hubs, integrators and devices of the tests have in common.

/// The hub of the tests: where devices reach it, its name, and the user of most commands.
pub const PUBLIC: &str = "https://hub.example/hermod/rest/ms";
pub const HOST: &str = "hub.example";
pub const USER: &str = "jane@acme.example";

/// A claim: 32 bytes as base64url, all alike.
pub fn claim(letter: char) -> String {
    // The last of 43 characters has two bits that have to be zero.
    format!("{}A", letter.to_string().repeat(42))
}

/// A hub with the integrators `shop` and `portal` of the group `acme`, and `rival` of none. The key
/// of each is its name with `-key`.
#[cfg(all(feature = "hub", feature = "aws-lc-rs"))]
pub fn three_integrators(
    callback: Option<keyferry::hermod::wire::AnyCallbackApi>,
) -> keyferry::hermod::hub::HubConfig {
    use keyferry::hermod::hub::{Digest, HubConfig, IntegratorConfig};
    let integrator = |id: &str| {
        let key = keyferry::Secret::new(format!("{id}-key"));
        let digest = Digest::of(&keyferry::crypto::aws_lc_rs::AwsLcRs, &key);
        IntegratorConfig::new(id).with_key(digest)
    };
    let mut shop = integrator("shop").with_group("acme");
    if let Some(callback) = callback {
        shop = shop.with_callback(callback);
    }
    HubConfig::new(PUBLIC, HOST)
        .unwrap()
        .with_integrator(shop)
        .with_integrator(integrator("portal").with_group("acme"))
        .with_integrator(integrator("rival"))
}

/// A device of these parts, which accepts everything that the hub at [`PUBLIC`] asks.
#[cfg(all(feature = "device", feature = "aws-lc-rs"))]
pub fn agent(
    keys: std::sync::Arc<dyn keyferry::keys::KeyStore>,
    connector: std::sync::Arc<dyn keyferry::hermod::device::Connector>,
    attestation: std::sync::Arc<dyn keyferry::crypto::Signer>,
) -> keyferry::hermod::device::AgentBuilder {
    use keyferry::hermod::device::{Agent, Decision, DevicePolicy, Question};
    let provider = std::sync::Arc::new(keyferry::crypto::aws_lc_rs::AwsLcRs);
    Agent::builder(provider)
        .with_key_store(keys)
        .with_connector(connector)
        .with_consent(std::sync::Arc::new(|_: &Question| Decision::Accept))
        .with_attestation_key(attestation)
        .with_policy(DevicePolicy::new().with_hub(PUBLIC).unwrap())
        .with_info(keyferry::hermod::model::DeviceInfo::new("Linux"))
}
