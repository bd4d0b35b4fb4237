//! The resources that one call has used, and whether it was refused more.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::label::Label;
use crate::limits::SandboxLimits;

/// Counts memory and tables. Records a refusal, because the guest's allocator turns it into an anonymous trap.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    most_bytes: usize,
    most_elements: usize,
    memories: usize,
    tables: usize,
    instances: usize,
    bytes: usize,
    elements: usize,
    refused: bool,
}

impl MemoryMeter {
    pub(crate) fn new(limits: &SandboxLimits) -> Self {
        Self {
            most_bytes: limits.memory_bytes,
            most_elements: limits.table_elements,
            memories: limits.memories,
            tables: limits.tables,
            instances: limits.instances,
            bytes: 0,
            elements: 0,
            refused: false,
        }
    }

    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    fn grow(used: &mut usize, most: usize, current: usize, desired: usize, refused: &mut bool) -> bool {
        let after = used.saturating_add(desired.saturating_sub(current));
        if after > most {
            *refused = true;
            return false;
        }
        *used = after;
        true
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::grow(&mut self.bytes, self.most_bytes, current, desired, &mut self.refused))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::grow(&mut self.elements, self.most_elements, current, desired, &mut self.refused))
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

/// The processor time of one call: the time of its thread during its turns. A guest that waits for the host has no
/// turn; work of the host on its thread, such as copying an answer into its memory, counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<Turn>>);

#[derive(Debug, Default)]
struct Turn {
    used: Duration,
    /// The thread's time at the start of the current turn.
    since: Option<Duration>,
}

impl Turns {
    /// Polls a future and counts its turns.
    pub(crate) async fn count<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.begin(thread_time());
            let polled = future.as_mut().poll(context);
            self.end(thread_time());
            polled
        })
        .await
    }

    fn begin(&self, now: Duration) {
        self.turn().since = Some(now);
    }

    fn end(&self, now: Duration) {
        let mut turn = self.turn();
        if let Some(since) = turn.since.take() {
            turn.used += now.saturating_sub(since);
        }
    }

    fn used(&self, now: Duration) -> Duration {
        let turn = self.turn();
        turn.used + turn.since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the processor time of this thread so far. It does not grow while other threads run.
#[cfg(unix)]
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
}

#[cfg(not(unix))]
fn thread_time() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// Compares the turns of a call with its limit, at every tick of the epoch.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    most: Duration,
    turns: Turns,
    exhausted: bool,
}

impl CpuMeter {
    pub(crate) fn new(limits: &SandboxLimits) -> Self {
        Self { most: limits.cpu, turns: Turns::default(), exhausted: false }
    }

    /// Returns the counter of this call's turns.
    pub(crate) fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// Returns whether the guest may continue.
    pub(crate) fn may_go_on(&mut self) -> bool {
        self.exhausted |= self.turns.used(thread_time()) >= self.most;
        !self.exhausted
    }

    pub(crate) fn exhausted(&self) -> bool {
        self.exhausted
    }
}

/// The log lines of one call so far.
#[derive(Debug, Default)]
pub(crate) struct LogMeter {
    written: u32,
    dropped: u32,
    /// The last error line: the SDK writes the text of a panic there, because the trap itself does not carry it.
    last_error: Option<String>,
}

impl LogMeter {
    pub(crate) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Logs how many lines were left out, once, at the end of the call.
    pub(crate) fn close(&self, label: &Label) {
        if self.dropped > 0 {
            tracing::warn!(
                plugin.store = %label.store,
                plugin.name = label.connector,
                plugin.version = label.version(),
                dropped = self.dropped,
                "connector logs too much; lines of this call were left out",
            );
        }
    }

    /// Counts a line; returns whether it may be written, which the first `most` may.
    pub(crate) fn may_write(&mut self, most: u32) -> bool {
        let may = self.written < most;
        *if may { &mut self.written } else { &mut self.dropped } += 1;
        may
    }

    /// Keeps an error line, even one that may not be written: it may be the text of the panic that follows.
    pub(crate) fn keep_error(&mut self, line: String) {
        self.last_error = Some(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_memories() {
        let mut meter = MemoryMeter::new(&SandboxLimits { memory_bytes: 100, ..SandboxLimits::default() });
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(0, 40, None).unwrap());
        assert!(!meter.refused());
        assert!(!meter.memory_growing(60, 61, None).unwrap());
        assert!(meter.refused());
    }

    #[test]
    fn waiting_is_free_and_every_turn_counts() {
        let turns = Turns::default();
        let at = Duration::from_millis;
        // Short turns between long waits: each of them is counted.
        for turn in 0..100 {
            turns.begin(at(turn * 1_000));
            turns.end(at(turn * 1_000 + 9));
        }
        assert_eq!(turns.used(at(200_000)), Duration::from_millis(900));
        turns.begin(at(200_000));
        assert_eq!(turns.used(at(200_100)), Duration::from_secs(1), "the turn that is under way counts too");
    }

    #[test]
    fn a_guest_that_used_up_its_time_does_not_go_on() {
        let mut meter = CpuMeter::new(&SandboxLimits { cpu: Duration::from_secs(1), ..SandboxLimits::default() });
        let turns = meter.turns();
        assert!(meter.may_go_on());
        turns.begin(Duration::ZERO);
        turns.end(Duration::from_secs(1));
        assert!(!meter.may_go_on() && meter.exhausted());
    }
}
