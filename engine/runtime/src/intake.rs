//! Intake: binds a playbook, makes a request of it, and files the request as a new remediation. Schedules, suggestions
//! and the application layer all use it.

mod filing;
mod playbook;
mod reports;
mod submission;

pub use filing::{filing, follow_up};
pub use playbook::{bind, load};
pub use reports::{Incoming, Reported, forget_reports, report, report_playbook};
pub use submission::{Submission, request};
