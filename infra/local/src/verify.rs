//! Runs a file of webhook vectors through the signature engine.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use gatehouse::domain::Cause;
use gatehouse::signature::vectors::{Vector, Verdict, check};

#[derive(Debug, Default)]
struct Total {
    vectors: usize,
    agree: usize,
    differ: usize,
    differ_by_policy: usize,
}

/// Prints what differs and the totals by provider; whether nothing differs but by policy.
pub(crate) fn run(file: &Path, out: &mut impl Write) -> Result<bool, Cause> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("`{}` cannot be read: {error}", file.display()))?;
    let vectors: Vec<Vector> = serde_json::from_str(&text)
        .map_err(|error| format!("`{}` is not a list of vectors: {error}", file.display()))?;
    let mut totals: BTreeMap<&str, Total> = BTreeMap::new();
    for vector in &vectors {
        let total = totals.entry(&vector.provider).or_default();
        total.vectors += 1;
        let how = match check(vector) {
            Verdict::Agrees => {
                total.agree += 1;
                continue;
            }
            Verdict::Differs(how) => how,
            Verdict::Unsupported if vector.valid => "no scheme is for it: it is refused".to_owned(),
            // What cannot be verified is refused, and that is what this vector asks for.
            Verdict::Unsupported => {
                total.agree += 1;
                continue;
            }
        };
        if vector.policy_dependent {
            total.differ_by_policy += 1;
            writeln!(out, "{}: {how} (a matter of policy)", vector.id)?;
        } else {
            total.differ += 1;
            writeln!(out, "{}: {how}", vector.id)?;
        }
    }
    writeln!(
        out,
        "{:<24} {:>7} {:>7} {:>7} {:>10}",
        "provider", "vectors", "agree", "differ", "by policy"
    )?;
    let mut sum = Total::default();
    for (provider, total) in &totals {
        write_total(out, provider, total)?;
        sum.vectors += total.vectors;
        sum.agree += total.agree;
        sum.differ += total.differ;
        sum.differ_by_policy += total.differ_by_policy;
    }
    write_total(out, "all", &sum)?;
    Ok(sum.differ == 0)
}

fn write_total(out: &mut impl Write, name: &str, total: &Total) -> std::io::Result<()> {
    let Total {
        vectors,
        agree,
        differ,
        differ_by_policy,
    } = total;
    writeln!(
        out,
        "{name:<24} {vectors:>7} {agree:>7} {differ:>7} {differ_by_policy:>10}"
    )
}
