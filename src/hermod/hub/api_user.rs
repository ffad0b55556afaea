//! API users, as a hub's configuration has them.

use std::sync::Arc;

use crate::crypto::Provider;
use crate::hermod::Dialect;
use crate::hermod::client::{CallbackSender, ContentClient};
use crate::hermod::hub::{Digest, IntegratorConfig};
use crate::hermod::model::ApiUser;
use crate::hermod::wire::{AnyCallbackApi, AnyContentApi, BasicAuth};
use crate::transport::{GuardedTransport, TargetUrl};
use crate::{Error, Secret};

/// The integrator that an API user of a configuration file is: its key by digest, its group, its
/// callbacks and its content provider, both over `transport`. For callbacks that are signed as
/// well, give the result a [`CallbackSender`] of your own.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use keyferry::crypto::aws_lc_rs::AwsLcRs;
/// use keyferry::hermod::Dialect;
/// use keyferry::hermod::hub::integrator_config;
/// use keyferry::hermod::model::ApiUser;
/// use keyferry::transport::{GuardedTransport, TargetPolicy};
/// use keyferry::Secret;
///
/// let nobody = Arc::new(|_: Request<Bytes>| async { Ok(Response::new(Bytes::new())) });
/// let transport = GuardedTransport::danger_unguarded(TargetPolicy::new(), nobody);
/// let user = ApiUser::new("idm", Secret::new("0123456789abcdef"), "https://idm.example/hermod");
/// let config = integrator_config(&user, &transport, &AwsLcRs, Dialect::default())?;
/// assert!(config.id == "idm" && config.keys.len() == 1 && config.callback.is_some() && config.content.is_none());
/// # }
/// # Ok::<(), keyferry::Error>(())
/// ```
///
/// # Errors
/// Class `malformed` for what is no address and no `username:password`, `target-refused` for an
/// address that the transport's policy does not allow, each with the member at fault.
pub fn integrator_config(
    user: &ApiUser,
    transport: &GuardedTransport,
    provider: &dyn Provider,
    dialect: impl Into<Arc<Dialect>>,
) -> Result<IntegratorConfig, Error> {
    let dialect = dialect.into();
    let mut config =
        IntegratorConfig::new(&*user.client_id).with_key(Digest::of(provider, &user.key));
    if let Some(group) = &user.group {
        config = config.with_group(&**group);
    }
    let member = |name: &'static str| move |error: Error| error.within(name);
    let basic_auth = |name: &'static str, text: &Option<Secret>| {
        text.as_ref().map(|text| BasicAuth::parse(text.expose())).transpose().map_err(member(name))
    };

    let base = TargetUrl::parse(&user.callback_url);
    let sender = base
        .and_then(|base| CallbackSender::new(transport.clone(), base))
        .map_err(member("callback-url"))?;
    let mut sender = sender.with_dialect(dialect.clone());
    if let Some(credential) = basic_auth("callback-basic-auth", &user.callback_basic_auth)? {
        sender = sender.with_basic_auth(credential);
    }
    config = config.with_callback(AnyCallbackApi::new(sender));

    if let Some(url) = &user.content_provider_url {
        let client = TargetUrl::parse(url)
            .and_then(|base| ContentClient::new(transport.clone(), base))
            .map_err(member("content-provider-url"))?;
        let mut client = client.with_dialect(dialect);
        if let Some(credential) =
            basic_auth("content-provider-basic-auth", &user.content_provider_basic_auth)?
        {
            client = client.with_basic_auth(credential);
        }
        config = config.with_content(AnyContentApi::new(client));
    }
    Ok(config)
}
