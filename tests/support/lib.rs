//! Real servers and real mailboxes for tests and benches: each lives in a temporary folder, listens on loopback, and is
//! stopped by the process id we hold.

pub mod binary;
pub mod center;
pub mod chromium;
pub mod contract;
pub mod dovecot;
pub mod fake_store;
pub mod hooks;
pub mod hostile;
pub mod mail;
pub mod maildirs;
pub mod oidc;
pub mod openssl;
pub mod past;
pub mod postgres;
pub mod proxy;
pub mod remote_store;
pub mod s3;
pub mod served;
pub mod site;
pub mod smtp;
pub mod synthetic;
