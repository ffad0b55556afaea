//! Failing file operations and the resulting contents of the disk.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use crate::file_key_store::files;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::keys::{FileKeyStore, FileStoreError};

/// A fault at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The operation fails, and the next one succeeds.
    Once,
    /// The program is killed: this and all later operations fail. Completed operations are kept.
    Killed,
    /// The power fails: this and all later operations fail, and changes since the last sync of the
    /// folder are lost.
    PowerLost,
}

/// A folder where the operation with one number fails, counted from 0.
#[derive(Clone)]
pub(crate) struct Disk {
    folder: String,
    fault: Fault,
    at: usize,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    operations: usize,
    just_synced: bool,
    /// The contents that survive a power failure.
    durable: BTreeMap<String, Vec<u8>>,
}

impl Disk {
    pub(crate) fn new(folder: String, fault: Fault, at: usize) -> Self {
        Self { folder, fault, at, seen: Arc::default() }
    }

    /// Makes a disk with synced files.
    pub(crate) fn with_durable(self, durable: BTreeMap<String, Vec<u8>>) -> Self {
        self.seen.lock().unwrap().durable = durable;
        self
    }

    /// Opens the store on this disk.
    pub(crate) fn open(&self) -> Result<FileKeyStore, FileStoreError> {
        let disk = self.clone();
        FileKeyStore::open_with_faults(&self.folder, Arc::new(AwsLcRs), move |operation| {
            disk.before(operation)
        })
    }

    fn before(&self, operation: &str) -> io::Result<()> {
        let mut seen = self.seen.lock().unwrap();
        if std::mem::take(&mut seen.just_synced) {
            seen.durable = files(&self.folder);
        }
        let number = seen.operations;
        seen.operations += 1;
        let fails = if self.fault == Fault::Once { number == self.at } else { number >= self.at };
        if fails {
            return Err(io::Error::other("a fault"));
        }
        seen.just_synced = operation == "sync-folder";
        Ok(())
    }

    /// Returns whether the fault has happened.
    pub(crate) fn failed(&self) -> bool {
        self.seen.lock().unwrap().operations > self.at
    }

    /// Opens the store after a restart of the program. The previous store must have been dropped.
    pub(crate) fn open_again(&self) -> FileKeyStore {
        if self.fault == Fault::PowerLost {
            for name in files(&self.folder).into_keys() {
                std::fs::remove_file(format!("{}/{name}", self.folder)).unwrap();
            }
            for (name, bytes) in &self.seen.lock().unwrap().durable {
                std::fs::write(format!("{}/{name}", self.folder), bytes).unwrap();
            }
        }
        FileKeyStore::open(&self.folder, Arc::new(AwsLcRs)).unwrap()
    }
}
