//! Every limit that a connector runs under, in one place. Each has a test that obeys it and one that breaks it.

use std::time::Duration;

/// What a record of an answer (a header field, a directory entry) counts beside its texts: about what it takes in memory.
pub(crate) const RECORD_BYTES: usize = 64;

/// How often running guests are looked at: the grain of the processor budget.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest. The fiber that it runs on is twice as large, as host calls run on it too.
pub(crate) const STACK_BYTES: usize = 512 * 1024;

/// What one call of a connector may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxLimits {
    /// Linear memory of all of its memories together.
    pub memory_bytes: usize,
    /// Elements of all of its tables together.
    pub table_elements: usize,
    /// Memories. Each reserves 4 GiB of the address space of the process, however small it is.
    pub memories: usize,
    /// Tables.
    pub tables: usize,
    /// Instances of modules and components inside of the component.
    pub instances: usize,
    /// Processor time of instantiation and call; waiting for a host call is free.
    pub cpu: Duration,
    /// Time on the clock on the wall for instantiation and call, unless the store's configuration says otherwise.
    pub call_timeout: Duration,
    /// Bytes copied out of the guest at once: an answer, or the arguments of a host call.
    pub answer_bytes: usize,
    /// Bytes of one message in `fetch-raw`.
    pub raw_bytes: u64,
    /// Messages or mailboxes in a page.
    pub page: u32,
    /// Bytes of a locator; the contract says 1,024.
    pub locator_bytes: usize,
    /// Bytes of a cursor.
    pub cursor_bytes: usize,
    /// Bytes of a folder path in a location.
    pub path_bytes: usize,
    /// Log lines; what comes after is counted, not written.
    pub log_lines: u32,
    /// Characters of a log line and of an error text.
    pub text_chars: usize,
    /// Mail connections open at once.
    pub connections: usize,
    /// Bytes of one `read` of a stream or a file.
    pub read_bytes: u32,
    /// Entries of one listed directory. They may take as many bytes as the guest has memory.
    pub directory_entries: usize,
    /// Bytes of all heads in one `read-heads`, and of all answers in one `send-many`, header fields included. Each record
    /// counts 64 bytes beside its texts.
    pub bulk_bytes: usize,
    /// HTTP requests.
    pub http_requests: usize,
    /// Requests of one `send-many` that run at once.
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
