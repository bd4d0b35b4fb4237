//! The application layer: every request of a person or a program to a site, with one authorization. The command line
//! and the Action Center use the engine through it.
//!
//! **Invariant:** every method that takes a principal checks what their roles allow before it reads or writes for them.

mod api;
mod authorization;
mod ballot;
mod block_list_cache;
mod block_lists;
mod boxed;
mod control;
mod evidence;
mod examine;
mod follow_up;
mod halt;
mod handling;
mod indicators;
mod key;
mod principals;
mod reading;
mod report;
mod retention;
mod saved_searches;
mod schedules;
mod settings;
mod stores;
mod submit;
mod sweeps;

pub use api::Api;
pub use ballot::Ballot;
pub use block_list_cache::BuiltBlockList;
pub use indicators::CountedIndicators;
pub use key::under_key;
pub use principals::{MadeToken, TokenOrder};
pub use report::GivenReport;
pub use retention::RetentionReport;
pub use settings::Setting;
