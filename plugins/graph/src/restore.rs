//! The flags of restored messages. A move keeps them, so most need nothing; the outcome says so if some are missing.

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::Error,
};

use crate::{act::Run, address, client::Part, flags, wire::Mail};

impl<H: Host + Http + Memo> Run<'_, '_, H> {
    /// Sets the former flags where others are set now.
    pub(crate) fn restore_flags(&mut self) -> Result<(), Error> {
        let mut wanted = Vec::new();
        for (at, id, now) in std::mem::take(&mut self.home) {
            let former = self.targets[at].former.as_ref();
            if let Some(body) = former.and_then(|former| flags::to_set(&former.flags, &now)) {
                wanted.push((at, Part::patch(address::message(&id), body)));
            }
        }
        let parts: Vec<Part> = wanted.iter().map(|(_, part)| part.clone()).collect();
        for ((at, _), reply) in wanted.into_iter().zip(self.client.batch(&parts)?) {
            let what = "it is back in its folder, but its flags could not be restored";
            if !reply.is_success() {
                self.fail(at, reply.why(what));
                continue;
            }
            let kept = reply.read::<Mail>().map(|mail| flags::of(&mail)).unwrap_or_default();
            let former = self.targets[at].former.as_ref();
            if former.is_some_and(|former| flags::to_set(&former.flags, &kept).is_some()) {
                self.fail(at, format!("{what}: the store did not keep all of them"));
            }
        }
        Ok(())
    }
}
