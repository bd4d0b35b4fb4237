//! Intake: binds a playbook, makes a request of it, and files that as a new remediation. The clock, suggestions and the
//! application layer all come through here.

mod filing;
mod playbook;
mod submission;

pub use filing::{filing, follow_up};
pub use playbook::{bind, load};
pub use submission::{Submission, request};
