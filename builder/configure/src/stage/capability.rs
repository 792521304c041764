//! setcap(8): capabilities of files, in the form of their extended attribute.

use std::sync::Arc;

use rootsmith_shell::{Call, Done, Refusal};
use rootsmith_types::CAPABILITIES;

use super::{Stage, because, done, failed};
use crate::effect::Effect;

const ATTRIBUTE: &[u8] = b"security.capability";
/// `VFS_CAP_REVISION_2` of `include/uapi/linux/capability.h`, and its flag for capabilities that are effective at once.
const REVISION: u32 = 0x0200_0000;
const EFFECTIVE: u32 = 1;

/// The attribute's value for clauses such as `cap_net_raw,cap_net_admin+ep` (cap_from_text(3)), as far as files have them: sets that
/// are given once. Nothing where they say more.
fn value(text: &str) -> Option<Vec<u8>> {
    let (mut permitted, mut inheritable, mut effective) = (0u64, 0u64, 0u64);
    for clause in text.split_whitespace() {
        let at = clause.find(['=', '+'])?;
        let (names, flags) = (&clause[..at], &clause[at + 1..]);
        let mut bits = 0;
        for name in names.split(',') {
            let name = name.to_ascii_lowercase();
            let name = name.strip_prefix("cap_")?;
            bits |= 1u64 << CAPABILITIES.iter().position(|known| *known == name)?;
        }
        for flag in flags.chars() {
            *match flag {
                'p' => &mut permitted,
                'i' => &mut inheritable,
                'e' => &mut effective,
                _ => return None,
            } |= bits;
        }
    }
    // One flag for the whole file: what is effective is everything it may have.
    if effective != 0 && effective != permitted | inheritable {
        return None;
    }
    let first = REVISION | if effective == 0 { 0 } else { EFFECTIVE };
    let mut value = first.to_le_bytes().to_vec();
    for shift in [0, 32] {
        for set in [permitted, inheritable] {
            let half = u32::try_from(set >> shift & u64::from(u32::MAX)).ok()?;
            value.extend(half.to_le_bytes());
        }
    }
    Some(value)
}

impl Stage<'_, '_> {
    pub(super) fn setcap(&mut self, arguments: &[&str], call: &Call<'_>) -> Result<Done, Refusal> {
        let arguments = match arguments {
            ["-q", rest @ ..] => rest,
            rest => rest,
        };
        let mut status = done();
        for pair in arguments.chunks(2) {
            let [text, path] = pair else { return because("`setcap` without a file") };
            let at = self.target(call.cwd, path)?;
            let value = match *text {
                "-r" => None,
                text => match value(text) {
                    Some(value) => Some(value),
                    None => return because(format!("the capabilities `{text}`")),
                },
            };
            let Some(node) = self.edit.assembly.tree.get_mut(&at).filter(|node| node.content().is_some()) else {
                status = failed();
                continue;
            };
            let mut xattrs = node.metadata.xattrs.as_deref().cloned().unwrap_or_default();
            match value {
                Some(value) => xattrs.insert(ATTRIBUTE.to_vec(), value),
                None => xattrs.remove(ATTRIBUTE),
            };
            node.metadata.xattrs = (!xattrs.is_empty()).then(|| Arc::new(xattrs));
            self.record(Effect::Capabilities { path: at, text: (*text).to_owned() });
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_what_the_kernel_reads() {
        // As `setcap` of libcap 2.66 leaves them: `getfattr --dump --encoding=hex`.
        let ping = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(value("cap_net_raw+ep"), Some(ping.to_vec()));
        assert_eq!(value("cap_net_raw=ep"), Some(ping.to_vec()));
        let two = [0, 0, 0, 2, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(value("cap_setuid,cap_setgid=p"), Some(two.to_vec()));
        let high = [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(value("cap_checkpoint_restore=p"), Some(high.to_vec()));
        for text in ["net_raw+ep", "cap_none=p", "cap_chown", "cap_chown=q", "cap_chown+e", "cap_chown-p"] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
