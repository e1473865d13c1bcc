use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatehouse::audit::chain::{anchor_hash, spine_lane};
use gatehouse::audit::verify::{Carried, Evidence, Finding, verify as judge};
use gatehouse::domain::{Anchor, AuditEntry};

/// What expires so shortly after the newest entry may be missing: the pages of an export are read one
/// after the other.
const EXPIRY_SLACK: Duration = Duration::from_secs(60 * 60);
/// A lane that was opened so shortly before the newest entry may be unknown to the spine, which is
/// exported first.
const LANE_SLACK: Duration = Duration::from_secs(60);

/// Why an export cannot be verified.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("`{}` cannot be read: {source}", file.display())]
    Unreadable {
        file: PathBuf,
        source: std::io::Error,
    },
    #[error("line {line} of `{}` is not an entry: {source}", file.display())]
    NotAnEntry {
        file: PathBuf,
        line: usize,
        source: serde_json::Error,
    },
    #[error("`{}` is not an anchor: {source}", file.display())]
    NotAnAnchor {
        file: PathBuf,
        source: serde_json::Error,
    },
    #[error("the anchor was changed: its hash is not of what it says")]
    ChangedAnchor,
    #[error("the anchor is of another organization")]
    OtherAnchor,
    #[error("there is no entry, and no anchor that would miss one")]
    Empty,
}

/// What is known of an export.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) findings: Vec<Finding>,
    entries: usize,
    lanes: usize,
    has_anchor: bool,
}

/// Verifies the export in `files`.
pub(crate) fn verify(files: &[PathBuf], anchor: Option<&Path>) -> Result<Summary, ExportError> {
    let mut all = Vec::new();
    for file in files {
        read_lines(file, &mut all)?;
    }
    let anchor = anchor.map(read_anchor).transpose()?;
    let named = all.first().map(|entry| entry.organization_id);
    let newest = all.iter().map(|entry| entry.at).max();
    let organization = anchor.as_ref().map(|anchor| anchor.organization_id);
    if let (Some(named), Some(organization)) = (named, organization)
        && named != organization
    {
        return Err(ExportError::OtherAnchor);
    }
    let organization = named.or(organization).ok_or(ExportError::Empty)?;
    let now = newest.or(anchor.as_ref().map(|anchor| anchor.at));
    let now = now.ok_or(ExportError::Empty)?;
    let (links, entries): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|entry| entry.lane == spine_lane());
    let report = judge(&Evidence {
        organization,
        entries: &entries,
        links: &links,
        opened_since: &BTreeSet::new(),
        from: None,
        to: None,
        goes_on: false,
        carried: &Carried::default(),
        anchor: anchor.as_ref(),
        now: now.plus(EXPIRY_SLACK),
        slack: LANE_SLACK,
    });
    Ok(Summary {
        findings: report.findings,
        entries: report.entries,
        lanes: report.lanes,
        has_anchor: anchor.is_some(),
    })
}

fn read(file: &Path) -> Result<String, ExportError> {
    std::fs::read_to_string(file).map_err(|source| ExportError::Unreadable {
        file: file.to_owned(),
        source,
    })
}

fn read_lines(file: &Path, entries: &mut Vec<AuditEntry>) -> Result<(), ExportError> {
    for (index, line) in read(file)?.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let entry = serde_json::from_str(line).map_err(|source| ExportError::NotAnEntry {
            file: file.to_owned(),
            line: index + 1,
            source,
        })?;
        entries.push(entry);
    }
    Ok(())
}

fn read_anchor(file: &Path) -> Result<Anchor, ExportError> {
    let anchor: Anchor =
        serde_json::from_str(&read(file)?).map_err(|source| ExportError::NotAnAnchor {
            file: file.to_owned(),
            source,
        })?;
    if anchor.hash == anchor_hash(&anchor) {
        Ok(anchor)
    } else {
        Err(ExportError::ChangedAnchor)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            write!(f, "{}", finding.kind.as_str())?;
            if let Some(lane) = finding.lane {
                write!(f, " {lane}")?;
            }
            match (finding.sequence, finding.last_sequence) {
                (Some(first), Some(last)) => write!(f, " {first}-{last}")?,
                (Some(place), None) => write!(f, " {place}")?,
                (None, _) => {}
            }
            if let Some(id) = finding.id {
                write!(f, " {id}")?;
            }
            writeln!(f)?;
        }
        let (entries, lanes) = (self.entries, self.lanes);
        let by = if self.has_anchor {
            "by the anchor and the spine"
        } else {
            "by the spine; what was added after its last anchor may have been cut off unseen"
        };
        let verdict = if self.findings.is_empty() {
            "whole"
        } else {
            "not whole"
        };
        writeln!(f, "{verdict}: {entries} entries in {lanes} lanes, {by}")
    }
}
