use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Grant;

/// Where processes write what their functions have made use of: a folder.
const FOLDER: &str = "GATEHOUSE_USED_PERMISSIONS";

/// The grants that were made use of, each written down when it is the first time.
#[derive(Debug)]
pub(super) struct Used {
    folder: Option<PathBuf>,
    seen: Mutex<BTreeSet<Grant>>,
}

impl Default for Used {
    fn default() -> Self {
        let folder = std::env::var_os(FOLDER);
        Self {
            folder: folder.map(PathBuf::from),
            seen: Mutex::default(),
        }
    }
}

impl Used {
    pub(super) fn note(&self, grant: Grant) {
        let Some(folder) = &self.folder else {
            return;
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(&grant) {
            return;
        }
        if let Err(error) = write(folder, &grant) {
            tracing::error!(%error, "that a permission was used cannot be written down");
        }
        seen.insert(grant);
    }
}

/// A line in the file of this process. Several stacks of one process may write it at once.
fn write(folder: &Path, grant: &Grant) -> std::io::Result<()> {
    let Grant {
        function,
        action,
        resource,
    } = grant;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    let mut file = options.open(folder.join(std::process::id().to_string()))?;
    file.write_all(format!("{function} {action} {resource}\n").as_bytes())
}
