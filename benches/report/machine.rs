//! What the figures were measured on, and when.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use time::OffsetDateTime;
use time::macros::format_description;

/// By name; what cannot be told is left out.
pub(crate) fn conditions(arguments: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    let date = OffsetDateTime::now_utc()
        .format(format_description!(
            "[year]-[month]-[day] [hour]:[minute] UTC"
        ))
        .ok();
    let command = ["cargo run --release -p benches --bin report --".to_owned()];
    let command: Vec<_> = command.into_iter().chain(arguments).collect();
    let conditions = [
        ("command", Some(command.join(" "))),
        ("commit", commit()),
        ("compiler", output("rustc", &["--version"])),
        (
            "cores",
            available_parallelism().ok().map(|cores| cores.to_string()),
        ),
        ("date", date),
        ("load average", load()),
        ("memory", memory()),
        ("processor", processor()),
        ("system", system()),
    ];
    let known = conditions
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    known.collect()
}

fn processor() -> Option<String> {
    let model = field("/proc/cpuinfo", "model name");
    Some(format!("{} ({})", model?, std::env::consts::ARCH))
}

fn memory() -> Option<String> {
    let kibibytes = field("/proc/meminfo", "MemTotal")?;
    let kibibytes: u64 = kibibytes.strip_suffix("kB")?.trim().parse().ok()?;
    Some(format!("{} GiB", kibibytes >> 20))
}

fn system() -> Option<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(format!("Linux {}", release.trim()))
}

/// Over one, five and fifteen minutes, when the report begins: who else is at work.
fn load() -> Option<String> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    Some(load.split(' ').take(3).collect::<Vec<_>>().join(", "))
}

fn commit() -> Option<String> {
    let commit = output("git", &["rev-parse", "--short", "HEAD"])?;
    let changed = output("git", &["status", "--porcelain", "--", "*.rs", "*.toml"])?;
    Some(if changed.is_empty() {
        commit
    } else {
        format!("{commit}, with changes")
    })
}

/// The value behind the first line that begins with the name.
fn field(file: &str, name: &str) -> Option<String> {
    let content = fs::read_to_string(file).ok()?;
    let line = content.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
