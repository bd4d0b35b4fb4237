//! The user that servers run as.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

/// The user that servers run as and that must own the mail: this process's own, or `nobody` if this process is root.
#[derive(Clone, Debug)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Name of the user.
    pub user: String,
    /// Name of the group.
    pub group: String,
}

impl Owner {
    /// See [`Owner`].
    pub fn of_servers() -> io::Result<Self> {
        let me = fs::metadata("/proc/self")?;
        let (user, group) =
            if me.uid() == 0 { ("nobody".to_owned(), "nogroup".to_owned()) } else { (id(&["-un"])?, id(&["-gn"])?) };
        let (uid, gid) = if me.uid() == 0 {
            (number(&id(&["-u", &user])?)?, number(&id(&["-g", &user])?)?)
        } else {
            (me.uid(), me.gid())
        };
        Ok(Self { uid, gid, user, group })
    }

    /// The arguments that start a program as this user; empty if this process already is that user.
    pub fn prefix(&self) -> io::Result<Vec<String>> {
        if fs::metadata("/proc/self")?.uid() == self.uid {
            return Ok(Vec::new());
        }
        let arguments = ["setpriv", "--reuid", &self.user, "--regid", &self.group, "--clear-groups", "--"];
        Ok(arguments.map(str::to_owned).to_vec())
    }
}

fn id(arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("id").args(arguments).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn number(text: &str) -> io::Result<u32> {
    text.parse().map_err(|error| io::Error::other(format!("`id` printed {text:?}: {error}")))
}
