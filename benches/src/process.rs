//! What a process has used, from `/proc`: CPU seconds and resident memory.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

/// CPU time of a process since it started, in seconds (user and system; the kernel counts in hundredths).
///
/// # Errors
/// When the process does not exist or `/proc` is not there.
pub fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_cpu_ticks(&stat)
        .map(|ticks| ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unexpected /proc/PID/stat"))
}

/// CPU time that the whole machine has been busy since it started, in seconds, with what a hypervisor took away.
///
/// # Errors
/// When `/proc` is not there.
pub fn machine_cpu_seconds() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    parse_busy_ticks(&stat)
        .map(|ticks| ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unexpected /proc/stat"))
}

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// `VmRSS`: resident, with shared pages.
    pub rss_kib: u64,
    /// Proportional set size: shared pages divided among their users.
    pub pss_kib: u64,
    /// Anonymous pages: heap and stacks, without the program file.
    pub anonymous_kib: u64,
}

impl Memory {
    /// Reads `/proc/PID/status` and `smaps_rollup`.
    ///
    /// # Errors
    /// When the process does not exist or may not be looked at.
    pub fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        Ok(Self {
            rss_kib: parse_kib(&status, "VmRSS"),
            pss_kib: parse_kib(&rollup, "Pss"),
            anonymous_kib: parse_kib(&rollup, "Anonymous"),
        })
    }

    /// Only `VmRSS`, which is cheap enough to sample under load (`smaps_rollup` walks the page tables under a lock).
    ///
    /// # Errors
    /// When the process does not exist.
    pub fn rss_of(pid: u32) -> io::Result<u64> {
        Ok(parse_kib(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmRSS"))
    }
}

/// `utime + stime`; the command name before them may contain spaces and parentheses.
fn parse_cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// All of the first line but idle and iowait: user, nice, system, irq, softirq, steal.
fn parse_busy_ticks(stat: &str) -> Option<u64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    let ticks: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some(ticks.iter().take(8).sum::<u64>() - idle)
}

fn parse_kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn cpu_ticks_are_found_behind_any_command_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 321 123 0 0 20 0 1 0 5 0 0";
        assert_eq!(parse_cpu_ticks(stat), Some(444));
        assert_eq!(parse_cpu_ticks("7 (a"), None);
    }

    #[test]
    fn busy_ticks_leave_out_idling_and_do_not_count_guests_twice() {
        assert_eq!(parse_busy_ticks("cpu  1 2 4 1000 2000 8 16 32 500 500\ncpu0 9 9"), Some(63));
        assert_eq!(parse_busy_ticks("intr 1"), None);
        assert!(machine_cpu_seconds().unwrap() > 0.0);
    }

    #[test]
    fn kib_are_read_by_their_whole_name() {
        let text = "VmRSSx:\t1 kB\nVmRSS:\t   1234 kB\nPss_Anon:  5 kB\nPss:  6 kB\n";
        assert_eq!(parse_kib(text, "VmRSS"), 1234);
        assert_eq!(parse_kib(text, "Pss"), 6);
        assert_eq!(parse_kib(text, "Swap"), 0);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.rss_kib > 0 && memory.anonymous_kib > 0 && memory.pss_kib > 0, "{memory:?}");
        assert!(cpu_seconds(std::process::id()).unwrap() >= 0.0);
    }
}
