//! Real servers and real mailboxes for tests and benches: each lives in a temporary folder, listens on loopback, and is
//! stopped by the process id we hold.

pub mod access;
pub mod binary;
pub mod center;
pub mod chromium;
pub mod committed;
pub mod contract;
pub mod courier;
pub mod cyrus;
pub mod dovecot;
pub mod fake_store;
pub mod hooks;
pub mod hostile;
pub mod hostile_headers;
pub mod imap_client;
pub mod jmap_proxy;
pub mod line_proxy;
pub mod mail;
pub mod maildirs;
pub mod mutation;
pub mod oidc;
pub mod openssl;
pub mod owner;
pub mod past;
pub mod postgres;
pub mod proxy;
pub mod pymap;
pub mod remote_store;
pub mod s3;
pub mod served;
mod servers;
pub mod site;
pub mod smtp;
pub mod ssh;
pub mod supervised;
pub mod synthetic;
pub mod witness;
