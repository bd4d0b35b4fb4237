//! Files that determine what is done (configuration, playbooks, scripts, trust anchors), and files that contain a
//! secret.
//!
//! **Invariant:** as with ssh, a file is not read if other users of the machine can write it or a folder above it, and
//! a secret is not read if they can read it. Written files are accessible only to their owner, whatever the umask, and
//! a link in their place is never followed.

mod check;
mod error;
mod read;
mod write;

pub use check::{check_policy, check_secret};
pub use error::FileError;
pub use read::{read_policy, read_policy_bytes, read_secret, read_secret_bytes};
pub use write::{Replacement, create, create_folder, replace};
