//! Files that decide what is done (configuration, playbooks, scripts, trust anchors) and files that hold a secret.
//!
//! **Invariant:** what other users of the machine could have written is not read, as with ssh: neither the file nor a folder
//! above it may be writable by others. A secret may not be readable by them either. What is written here is its owner's alone
//! whatever the umask, and a link at its place is never followed.

mod check;
mod error;
mod read;
mod write;

pub use check::{check_policy, check_secret};
pub use error::FileError;
pub use read::{read_policy, read_policy_bytes, read_secret, read_secret_bytes};
pub use write::{Replacement, create, create_folder, replace};
