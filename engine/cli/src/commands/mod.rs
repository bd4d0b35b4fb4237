//! One file per command.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connectors;
pub(crate) mod control;
pub(crate) mod decide;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod export;
pub(crate) mod follow_up;
pub(crate) mod halt;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod principals;
pub(crate) mod retention;
pub(crate) mod run;
pub(crate) mod schedules;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod submit;
pub(crate) mod sweeps;
pub(crate) mod verify;
pub(crate) mod work;
pub(crate) mod worker;
