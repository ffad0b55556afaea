//! The fuzz target of the example hub's configuration.

#[allow(dead_code)]
#[path = "../../examples/support/hub_config.rs"]
mod hub_config;

use hub_config::HubFile;

/// Stands in every secret of the seeds.
const CANARY: &str = "s3cr3t";

/// Any text as a configuration: it is read, or each fault has its line, and says nothing of the
/// text.
pub fn config_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match HubFile::parse(text) {
        Ok(file) => {
            assert_eq!(HubFile::parse(text).unwrap(), file);
            assert!(
                file.integrators.iter().all(|integrator| (1..=2).contains(&integrator.keys.len()))
            );
        }
        Err(faults) => {
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            assert!(faults.iter().next().is_some());
            assert!(
                faults
                    .iter()
                    .all(|fault| (1..=lines).contains(&fault.line) && !fault.what.is_empty())
            );
            assert!(
                !faults.to_string().contains(CANARY) && !format!("{faults:?}").contains(CANARY)
            );
        }
    }
}
