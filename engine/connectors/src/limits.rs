//! All limits on connectors. Each has a test that stays within it and one that exceeds it.

use std::time::Duration;

/// What a record of an answer (a header field, a directory entry) counts in addition to its texts: about its size in
/// memory.
pub(crate) const RECORD_BYTES: usize = 64;

/// The interval at which running guests are checked: the granularity of the processor limit.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The stack of a guest. Its fiber is twice as large, because host calls run on it, too.
pub(crate) const STACK_BYTES: usize = 512 * 1024;

/// The limits on one call of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxLimits {
    /// The linear memory of all its memories together, in bytes.
    pub memory_bytes: usize,
    /// The elements of all its tables together.
    pub table_elements: usize,
    /// The memories. Each reserves 4 GiB of the process's address space, however small it is.
    pub memories: usize,
    /// The tables.
    pub tables: usize,
    /// The instances of modules and components inside the component.
    pub instances: usize,
    /// The processor time of instantiation and call; waiting for a host call does not count.
    pub cpu: Duration,
    /// The wall-clock time of instantiation and call, unless the store's configuration sets another.
    pub call_timeout: Duration,
    /// The bytes copied out of the guest at once: an answer, or the arguments of a host call.
    pub answer_bytes: usize,
    /// The bytes of one message in `fetch-raw`.
    pub raw_bytes: u64,
    /// The messages or mailboxes in a page.
    pub page: u32,
    /// The bytes of a locator; 1,024 by the contract.
    pub locator_bytes: usize,
    /// The bytes of a cursor.
    pub cursor_bytes: usize,
    /// The bytes of a folder path in a location.
    pub path_bytes: usize,
    /// The log lines; further ones are counted but not written.
    pub log_lines: u32,
    /// The characters of a log line and of an error text.
    pub text_chars: usize,
    /// The mail connections that are open at once.
    pub connections: usize,
    /// The bytes of one `read` of a stream or a file.
    pub read_bytes: u32,
    /// The entries of one listed directory. Together they may have as many bytes as the guest has memory.
    pub directory_entries: usize,
    /// The bytes of all heads in one `read-heads`, and of all responses in one `send-many`, including header fields.
    /// Each record counts 64 bytes in addition to its texts.
    pub bulk_bytes: usize,
    /// The HTTP requests.
    pub http_requests: usize,
    /// The requests of one `send-many` that run concurrently.
    pub http_parallel: usize,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            table_elements: 100_000,
            memories: 4,
            tables: 16,
            instances: 64,
            cpu: Duration::from_secs(10),
            call_timeout: Duration::from_mins(1),
            answer_bytes: 16 << 20,
            raw_bytes: 24 << 20,
            page: 1_000,
            locator_bytes: 1_024,
            cursor_bytes: 16 << 10,
            path_bytes: 4_096,
            log_lines: 100,
            text_chars: 500,
            connections: 4,
            read_bytes: 1 << 20,
            directory_entries: 500_000,
            bulk_bytes: 32 << 20,
            http_requests: 10_000,
            http_parallel: 8,
        }
    }
}
