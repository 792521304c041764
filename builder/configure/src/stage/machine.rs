//! What is each machine's own, and so is not made in an image (decision 0013).

/// What is read there no two machines may share.
pub(super) const RANDOM: [&str; 2] = ["/dev/random", "/dev/urandom"];

/// Programs that make keys, names and databases which no two machines may share.
const MADE_ON_THE_MACHINE: [&str; 13] = [
    "iscsi-iname",
    "make-ssl-cert",
    "makepasswd",
    "mariadb-install-db",
    "mcookie",
    "mysql_install_db",
    "openssl",
    "pg_createcluster",
    "pwgen",
    "rndc-confgen",
    "slapadd",
    "ssh-keygen",
    "uuidgen",
];

/// Whether a command makes what is each machine's own.
pub(super) fn is_made_there(words: &[String]) -> bool {
    let name = words.first().map(|name| name.rsplit('/').next().unwrap_or(name));
    name.is_some_and(|name| MADE_ON_THE_MACHINE.contains(&name))
}
