//! Operations on files that fail, and what the disk has then.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use crate::file_key_store::files;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::keys::{FileKeyStore, FileStoreError};

/// What happens at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, and the next one does not.
    Once,
    /// The program is killed: it and whatever comes after it fails. What was done is there.
    Killed,
    /// The power fails: the same, and whatever was done since the folder was last synced is gone.
    PowerLost,
}

/// A folder where the operation of one number fails, from 0.
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
    /// What is there for good.
    durable: BTreeMap<String, Vec<u8>>,
}

impl Disk {
    pub(crate) fn new(folder: String, fault: Fault, at: usize) -> Self {
        Self { folder, fault, at, seen: Arc::default() }
    }

    /// The same with files that are there for good.
    pub(crate) fn with_durable(self, durable: BTreeMap<String, Vec<u8>>) -> Self {
        self.seen.lock().unwrap().durable = durable;
        self
    }

    /// The store on this disk.
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

    /// Whether the fault has happened.
    pub(crate) fn failed(&self) -> bool {
        self.seen.lock().unwrap().operations > self.at
    }

    /// The store after the program was started again. The one before has to be dropped.
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
