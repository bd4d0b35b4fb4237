//! What one call has used up, and whether it was refused more.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::limits::{SandboxLimits, TICK};

/// Counts memory and tables. Remembers a refusal, because the guest's allocator turns it into an anonymous trap.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    most_bytes: usize,
    most_elements: usize,
    bytes: usize,
    elements: usize,
    refused: bool,
}

impl MemoryMeter {
    pub(crate) fn new(limits: &SandboxLimits) -> Self {
        Self {
            most_bytes: limits.memory_bytes,
            most_elements: limits.table_elements,
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
}

/// Counts ticks of the epoch in which the guest ran. A guest that waits for the host does not run, so the tick that is
/// due when a long host call returns is not counted.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    left: u64,
    free: bool,
    exhausted: bool,
}

impl CpuMeter {
    pub(crate) fn new(limits: &SandboxLimits) -> Self {
        let ticks = limits.cpu.as_millis() / TICK.as_millis();
        Self { left: u64::try_from(ticks).unwrap_or(u64::MAX).max(1), free: false, exhausted: false }
    }

    /// A host call took this long. Short ones earn nothing, or a guest could loop for ever by asking for the time.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.free |= time >= TICK;
    }

    /// A tick has passed; whether the guest may go on.
    pub(crate) fn tick(&mut self) -> bool {
        if std::mem::take(&mut self.free) {
            return true;
        }
        self.left = self.left.saturating_sub(1);
        self.exhausted = self.left == 0;
        !self.exhausted
    }

    pub(crate) fn exhausted(&self) -> bool {
        self.exhausted
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
    fn waiting_is_free_and_asking_the_time_is_not() {
        let mut meter = CpuMeter::new(&SandboxLimits { cpu: TICK * 3, ..SandboxLimits::default() });
        assert!(meter.tick());
        meter.waited(Duration::from_secs(30));
        assert!(meter.tick(), "the tick after a long wait");
        assert!(meter.tick());
        meter.waited(Duration::from_micros(3));
        assert!(!meter.tick());
        assert!(meter.exhausted());
    }
}
