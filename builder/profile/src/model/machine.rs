//! What a machine is beside its services: accounts, mounts, settings of the kernel, the network.

use std::net::IpAddr;

use rootsmith_types::{Located, Origin, TreePath};

/// One `[[user]]`.
#[derive(Debug, Clone)]
pub struct User {
    /// The login name.
    pub name: Located<String>,
    /// The number; a free one of its range unless told otherwise, the same in every build.
    pub uid: Option<Located<u32>>,
    /// The primary group; one of the user's own name unless told otherwise.
    pub group: Option<Located<String>>,
    /// Further groups.
    pub groups: Vec<Located<String>>,
    /// `/nonexistent` for a system user and `/home/NAME` for others unless told otherwise.
    pub home: Option<Located<TreePath>>,
    /// Whether the home directory is made.
    pub create_home: Located<bool>,
    /// `/usr/sbin/nologin` for a system user and `/bin/sh` for others unless told otherwise.
    pub shell: Option<Located<TreePath>>,
    /// The comment field of `/etc/passwd`.
    pub comment: Option<Located<String>>,
    /// An account for a service, not for a person.
    pub system: Located<bool>,
    /// As crypt(3) writes it; nobody logs in with a password unless one is given.
    pub password: Option<Located<String>>,
    /// Lines of `~/.ssh/authorized_keys`.
    pub ssh_authorized_keys: Vec<Located<String>>,
    /// The whole table.
    pub origin: Origin,
}

/// One `[[group]]`.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: Located<String>,
    /// The number; a free one of the system's range unless told otherwise.
    pub gid: Option<Located<u32>>,
    /// The whole table.
    pub origin: Origin,
}

/// One `[[mount]]`: a line of fstab(5).
#[derive(Debug, Clone)]
pub struct Mount {
    /// What is mounted: `tmpfs`, `LABEL=data`, `/dev/vdb1`.
    pub source: Located<String>,
    /// Where. The folder is made.
    pub target: Located<TreePath>,
    /// The type of file system.
    pub kind: Located<String>,
    /// Mount options; `defaults` where there is none.
    pub options: Vec<Located<String>>,
    /// The whole table.
    pub origin: Origin,
}

/// `[network]`.
#[derive(Debug, Clone)]
pub struct Network {
    /// What configures the interfaces; what goes with the init unless told otherwise.
    pub manager: Option<Located<NetworkManager>>,
    /// `[[network.interface]]`; where there is none, what the packages and overlays bring is left alone.
    pub interfaces: Vec<Interface>,
}

/// What configures network interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkManager {
    /// systemd-networkd.
    Networkd,
    /// ifupdown, by `/etc/network/interfaces`.
    Ifupdown,
    /// BusyBox: udhcpc and `ip`.
    Busybox,
}

/// One `[[network.interface]]`.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Names, `*` standing for anything: `["en*", "eth*"]`. Never empty.
    pub names: Vec<Located<String>>,
    /// Whether addresses come by DHCP.
    pub dhcp: Located<bool>,
    /// Fixed addresses with the length of their prefix.
    pub addresses: Vec<Located<(IpAddr, u8)>>,
    /// Default routes.
    pub gateways: Vec<Located<IpAddr>>,
    /// Name servers.
    pub dns: Vec<Located<IpAddr>>,
    /// The whole table.
    pub origin: Origin,
}

/// `[cloud-init]`: where a machine looks for what it is told at its first boot.
#[derive(Debug, Clone)]
pub struct CloudInit {
    /// `datasource_list` of cloud-init, in this order: `NoCloud`, `Ec2`. Not empty.
    pub datasources: Vec<Located<String>>,
    /// Who configures the network.
    pub network: Located<CloudNetwork>,
    /// The whole table.
    pub origin: Origin,
}

/// Who configures the network of a machine with cloud-init.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudNetwork {
    /// cloud-init, as the datasource says, and by DHCP where it says nothing.
    CloudInit,
    /// `[network]` of the profile, whatever the datasource says.
    Profile,
}
