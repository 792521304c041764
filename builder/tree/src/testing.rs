//! For the tests of everything that stores trees: random ones, those of folders, and what differs between two.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use rootsmith_types::TreePath;

use crate::{Content, Metadata, Mtime, Node, NodeKind, Run, Sparse, Tree};

mod folder;

pub use folder::{Folder, differences};

/// Any tree that a Linux filesystem can hold: deep, wide, with hard links, holes, devices, attributes, names of up to 255
/// bytes and no text. Contents lie in memory, so `NoBlobs` is enough. At most about 700 entries and 2 MiB of contents.
pub fn any_tree() -> impl Strategy<Value = Tree> {
    (any_metadata(), vec(any_step(), 0..40)).prop_map(|(root, steps)| {
        let mut tree = Tree::new(root);
        for step in steps {
            step.apply(&mut tree);
        }
        tree
    })
}

/// Any metadata: times from 1970 to 2038 (some foreign readers fail on others), attributes of the `user`, `trusted` and
/// `security` namespaces.
pub fn any_metadata() -> impl Strategy<Value = Metadata> {
    let owner = prop_oneof![Just(0), 0u32..2000, any::<u32>()];
    let mtime = (0i64..1 << 31, 0u32..1_000_000_000);
    let mtime = mtime.prop_map(|(seconds, nanoseconds)| Mtime { seconds, nanoseconds });
    (0u16..=0o7777, owner.clone(), owner, mtime, any_xattrs()).prop_map(|(mode, uid, gid, mtime, xattrs)| Metadata {
        mode,
        uid,
        gid,
        mtime,
        xattrs,
    })
}

type Xattrs = Option<Arc<BTreeMap<Vec<u8>, Vec<u8>>>>;

fn any_xattrs() -> impl Strategy<Value = Xattrs> {
    let name = (prop_oneof![Just("user."), Just("trusted."), Just("security.")], "[a-z_.]{1,20}")
        .prop_map(|(prefix, rest)| format!("{prefix}{rest}").into_bytes());
    let value = prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..700)];
    prop_oneof![
        4 => Just(None),
        1 => btree_map(name, value, 1..4).prop_map(|map| Some(Arc::new(map))),
    ]
}

fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no part of a name", |b| !matches!(b, 0 | b'/'));
    let name = prop_oneof![
        6 => "[a-zA-Z0-9_.-]{1,16}".prop_map(String::into_bytes),
        2 => vec(byte.clone(), 1..40),
        1 => vec(byte, 250..=255),
    ];
    name.prop_filter("not a name", |name| name != b"." && name != b"..")
}

fn any_kind() -> impl Strategy<Value = NodeKind> {
    let device = (0u32..4096, 0u32..1 << 20);
    let target = prop_oneof![
        2 => vec(1u8..=255, 1..80),
        // Both sides of the length from which on ext4 needs a block, and the longest there is.
        1 => prop::sample::select(vec![59, 60, 4095]).prop_map(|len| b"../usr/lib".repeat(410)[..len].to_vec()),
    ];
    prop_oneof![
        5 => Just(NodeKind::Directory),
        8 => any_content().prop_map(NodeKind::File),
        3 => target.prop_map(|target| NodeKind::Symlink(target.into())),
        1 => device.clone().prop_map(|(major, minor)| NodeKind::CharDevice { major, minor }),
        1 => device.prop_map(|(major, minor)| NodeKind::BlockDevice { major, minor }),
        1 => Just(NodeKind::Fifo),
        1 => Just(NodeKind::Socket),
    ]
}

fn any_content() -> impl Strategy<Value = Content> {
    prop_oneof![
        1 => Just(Content::inline([])),
        4 => vec(any::<u8>(), 1..200).prop_map(Content::inline),
        1 => (any::<u8>(), 1usize..50_000).prop_map(|(byte, size)| Content::inline(vec![byte; size])),
        2 => any_sparse(),
    ]
}

fn any_sparse() -> impl Strategy<Value = Content> {
    let run = (0u64..40_000, 1usize..9000, 1u8..);
    (vec(run, 0..12), 0u64..100_000).prop_map(|(runs, rest)| {
        let mut end = 0;
        let runs = runs.into_iter().map(|(gap, len, byte)| {
            let offset = end + gap;
            end = offset + len as u64;
            Run { offset, data: vec![byte; len].into() }
        });
        let runs = runs.collect();
        // Runs ascend and the size is behind the last of them.
        Content::Sparse(Arc::new(Sparse::new(end + rest, runs).expect("runs ascend")))
    })
}

/// One addition; what cannot be done (the name is taken, the path too long) is left out.
#[derive(Debug, Clone)]
enum Step {
    Add { parent: prop::sample::Index, name: Vec<u8>, node: Node },
    Link { parent: prop::sample::Index, name: Vec<u8>, existing: prop::sample::Index },
    Many { parent: prop::sample::Index, name: Vec<u8>, count: u32 },
}

fn any_step() -> impl Strategy<Value = Step> {
    let node = (any_kind(), any_metadata()).prop_map(|(kind, metadata)| Node { kind, metadata });
    let at = any::<prop::sample::Index>;
    prop_oneof![
        16 => (at(), any_name(), node).prop_map(|(parent, name, node)| Step::Add { parent, name, node }),
        3 => (at(), any_name(), at()).prop_map(|(parent, name, existing)| Step::Link { parent, name, existing }),
        1 => (at(), any_name(), 1u32..600).prop_map(|(parent, name, count)| Step::Many { parent, name, count }),
    ]
}

impl Step {
    fn apply(self, tree: &mut Tree) {
        let paths = |directories: bool| -> Vec<TreePath> {
            tree.walk().filter(|entry| entry.node.is_directory() == directories).map(|entry| entry.path).collect()
        };
        let directories = paths(true);
        match self {
            Step::Add { parent, name, node } => {
                if let Ok(path) = parent.get(&directories).join(name) {
                    // A name that is taken stays what it is.
                    let _ = tree.insert(&path, node);
                }
            }
            Step::Link { parent, name, existing } => {
                let leaves = paths(false);
                if let Ok(path) = parent.get(&directories).join(name)
                    && !leaves.is_empty()
                {
                    let _ = tree.hard_link(&path, existing.get(&leaves));
                }
            }
            Step::Many { parent, name, count } => {
                for i in 0..count {
                    let mut numbered = format!("{i:03}").into_bytes();
                    numbered.extend_from_slice(&name);
                    numbered.truncate(255);
                    if let Ok(path) = parent.get(&directories).join(numbered) {
                        let _ = tree.insert(&path, Node::file(Content::inline([]), Metadata::root(0o644, 0)));
                    }
                }
            }
        }
    }
}
