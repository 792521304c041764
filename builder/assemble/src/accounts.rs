//! Users and groups of the image, by name (passwd(5), group(5)).

use std::collections::BTreeMap;
use std::io;

use rootsmith_profile::Account;
use rootsmith_tree::{Blobs, Bytes, Tree};
use rootsmith_types::TreePath;

/// Larger than that of any appliance.
const MAX_FILE: u64 = 1 << 20;

/// The numbers of the image's users and groups.
pub(crate) struct Accounts {
    /// User to number, and number of the user's own group.
    users: BTreeMap<String, (u32, u32)>,
    groups: BTreeMap<String, u32>,
}

impl Accounts {
    /// What `/etc/passwd` and `/etc/group` say; nobody, where they are not there. Lines that are none are passed over, as the
    /// C library does.
    pub(crate) fn read(tree: &Tree, blobs: &dyn Blobs) -> io::Result<Accounts> {
        let text = |path| {
            let content = tree.lookup(&TreePath::literal(path)).and_then(|node| node.content());
            content.map_or_else(|| Ok(Bytes::new()), |content| content.read(blobs, MAX_FILE))
        };
        let (passwd, group) = (text("/etc/passwd")?, text("/etc/group")?);
        let lines = |text: &[u8]| -> Vec<Vec<String>> {
            let text = String::from_utf8_lossy(text);
            text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
        };
        let number = |fields: &[String], at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
        let user = |fields: &Vec<String>| Some((fields.first()?.clone(), (number(fields, 2)?, number(fields, 3)?)));
        let group_of = |fields: &Vec<String>| Some((fields.first()?.clone(), number(fields, 2)?));
        Ok(Accounts {
            users: lines(&passwd).iter().filter_map(user).collect(),
            groups: lines(&group).iter().filter_map(group_of).collect(),
        })
    }

    /// The number of a user, and that of its own group: root's for a number that has no name.
    pub(crate) fn user(&self, account: &Account) -> Option<(u32, u32)> {
        match account {
            Account::Name(name) => self.users.get(name).copied(),
            Account::Number(number) => {
                let named = self.users.values().find(|(uid, _)| uid == number);
                Some(named.copied().unwrap_or((*number, 0)))
            }
        }
    }

    /// The number of a group.
    pub(crate) fn group(&self, account: &Account) -> Option<u32> {
        match account {
            Account::Name(name) => self.groups.get(name).copied(),
            Account::Number(number) => Some(*number),
        }
    }
}
