//! What the kernel says of a process (proc(5)).

use std::time::Duration;

/// Resident memory, in kilobytes of 1,000.
pub(crate) fn resident_kilobytes(process: u32) -> u64 {
    kilobytes(process, "VmRSS:")
}

/// Resident memory that is the process's own, in kilobytes of 1,000: what it allocated, without the pages
/// of its binary, of which ever more are loaded as ever more of it has run.
pub(crate) fn own_kilobytes(process: u32) -> u64 {
    kilobytes(process, "RssAnon:")
}

fn kilobytes(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let (_, resident) = status.split_once(field).unwrap();
    let kibibytes = resident.split_ascii_whitespace().next().unwrap();
    kibibytes.parse::<u64>().unwrap() * 1_024 / 1_000
}

/// How long it was on a processor: the 14th and 15th field of `stat`, in hundredths of a second.
pub(crate) fn processor_time(process: u32) -> Duration {
    ticks(process, &[14, 15]).unwrap()
}

/// How long it, and what it has started, was on a processor: the 16th and 17th field are of those that have
/// ended.
pub(crate) fn processor_time_of_all(process: u32) -> Duration {
    let children = format!("/proc/{process}/task/{process}/children");
    // What has ended meanwhile is in its parent's figures from now on.
    let children = std::fs::read_to_string(children).unwrap_or_default();
    let children = children.split_ascii_whitespace();
    let children = children.map(|child| processor_time_of_all(child.parse().unwrap()));
    ticks(process, &[14, 15, 16, 17]).unwrap_or_default() + children.sum::<Duration>()
}

fn ticks(process: u32, wanted: &[usize]) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name, in parentheses.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let ticks = wanted
        .iter()
        .map(|field| fields[field - 3].parse::<u64>().unwrap());
    Some(Duration::from_millis(10 * ticks.sum::<u64>()))
}

/// How many files and sockets it has open.
pub(crate) fn open_files(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .count()
}
