//! A measurement in a process of its own, so that its processor time and its memory are its own.

use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// What a process cost.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    /// The most memory that it had resident, in bytes.
    pub(crate) peak: u64,
    /// What it printed.
    pub(crate) output: String,
}

impl Cost {
    /// A number that the process printed as `name=value`.
    #[must_use]
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        let mut words = self.output.split_whitespace();
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    }
}

/// Runs this program again with other arguments.
///
/// # Errors
///
/// If it cannot be started, or ends badly.
pub(crate) fn again<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(
    arguments: I,
) -> io::Result<Cost> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    run(&mut command)
}

/// Runs a command to its end.
///
/// # Errors
///
/// If it cannot be started, or ends badly.
pub(crate) fn run(command: &mut Command) -> io::Result<Cost> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = String::new();
    if let Some(stdout) = child.stdout.as_mut() {
        stdout.read_to_string(&mut output)?;
    }
    let (status, usage) = wait(&child)?;
    if !status.success() {
        let text = format!("{command:?} ended with {status}\n{output}");
        return Err(io::Error::other(text));
    }
    Ok(Cost {
        // Linux counts in kibibytes.
        peak: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        output,
    })
}

fn wait(child: &std::process::Child) -> io::Result<(ExitStatus, libc::rusage)> {
    use std::os::unix::process::ExitStatusExt;
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: a structure of plain numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places live longer than the call; the child was not waited for yet.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    if waited < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((ExitStatus::from_raw(status), usage))
}

/// The processor time that this process has used until now.
#[must_use]
pub(crate) fn own_cpu() -> Duration {
    // SAFETY: a structure of plain numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the place lives longer than the call.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    time(usage.ru_utime) + time(usage.ru_stime)
}

fn time(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

/// The middle one of several numbers.
#[must_use]
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
