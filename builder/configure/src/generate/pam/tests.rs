use proptest::prelude::*;
use rootsmith_tree::NoBlobs;

use super::*;
use crate::generate::oracle::{add, tree};

const FIRST: &str = "\
Name: First of all
Default: yes
Priority: 900
Conflicts: third, other
Auth-Type: Primary
Auth-Initial:
\t[success=end default=ignore]\tpam_first.so   initial
Auth:
\t[success=end default=ignore]\tpam_first.so try_first_pass
\trequired  pam_friend.so
Account-Type: Additional
Account:
\t[success=end  default=ignore] pam_end.so
\toptional pam_b.so a  b
Password-Type: Primary
Password-Final:
\t[success=end default=ignore]\tpam_first.so  use_authtok
";
const SECOND: &str = "\
Name: Second
Default: yes
Priority: 900
Auth-Type: Primary
Auth-Initial:
\t[success=end default=ignore]\tpam_second.so initial
Auth:
\t[success=end default=ignore]\tpam_second.so
Session-Type: Additional
Session-Interactive-Only: yes
Session:
\toptional\tpam_second.so\tx
";
const UNIX: &str = "\
Name: Unix authentication
Default: yes
Priority: 256
Auth-Type: Primary
Auth:
\t[success=end default=ignore]\tpam_unix.so nullok try_first_pass
Auth-Initial:
\t[success=end default=ignore]\tpam_unix.so nullok
Account-Type: Primary
Account:
\t[success=end new_authtok_reqd=done default=ignore]\tpam_unix.so
Session-Type: Additional
Session:
\trequired\tpam_unix.so
";

fn system() -> Tree {
    let mut tree = tree(&[
        ("/usr/share/pam-configs/first", FIRST),
        ("/usr/share/pam-configs/second", SECOND),
        ("/usr/share/pam-configs/unix", UNIX),
        (
            "/usr/share/pam-configs/third",
            "Default: yes\nPriority: 10\nAuth-Type: Primary\nAuth:\n\trequired pam_third.so\n",
        ),
        (
            "/usr/share/pam-configs/off",
            "Default: no\nPriority: 1000\nAuth-Type: Primary\nAuth:\n\trequired pam_off.so\n",
        ),
        (
            "/usr/share/pam-configs/old",
            "Default: yes\nPriority: 1000\nAuth-Type: Primary\nAuth:\n\trequired pam_tally2.so\n",
        ),
        ("/usr/share/pam-configs/second~", "Default: yes\nPriority: 1000\n"),
    ]);
    for stack in STACKS {
        let kind = stack.strip_suffix("-noninteractive").unwrap_or(stack);
        let template = format!(
            "# above\n{PRIMARY_MARK}\n${kind}_primary\n{FALLBACK_MARK}\n{kind}\trequisite\tpam_deny.so\n\
             {ADDITIONAL_MARK}\n${kind}_additional\n{END_MARK}\n"
        );
        add(&mut tree, &format!("/usr/share/pam/common-{stack}"), template);
    }
    tree
}

fn made(tree: &Tree) -> BTreeMap<String, String> {
    let made = pam_common(tree, &NoBlobs).unwrap();
    made.into_iter().map(|(path, text)| (path.to_string(), String::from_utf8(text).unwrap())).collect()
}

/// The two filled places of a stack.
fn places(made: &BTreeMap<String, String>, stack: &str) -> [String; 2] {
    let text = &made[&format!("/etc/pam.d/common-{stack}")];
    [(PRIMARY_MARK, FALLBACK_MARK), (ADDITIONAL_MARK, END_MARK)]
        .map(|(from, to)| text.split_once(&format!("{from}\n")).unwrap().1.split_once(to).unwrap().0.to_owned())
}

/// All that is expected here is what pam-auth-update of pam 1.7.0 made of the same profiles.
#[test]
fn the_stacks() {
    let made = made(&system());
    assert_eq!(
        places(&made, "auth"),
        [
            "auth\t[success=4 default=ignore]\tpam_second.so initial\n\
             auth\t[success=3 default=ignore]\tpam_first.so try_first_pass\n\
             auth\trequired  pam_fri2.so \n\
             auth\t[success=1 default=ignore]\tpam_unix.so nullok try_first_pass\n",
            ""
        ]
    );
    assert_eq!(
        places(&made, "account"),
        [
            "account\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so \n",
            "account\t[success=1  default=ignore] pam_1.so \naccount\toptional pam_b.so a b\n"
        ]
    );
    assert_eq!(places(&made, "password"), ["password\t[success=1 default=ignore]\tpam_first.so use_authtok\n", ""]);
    let permit = "session\t[default=1]\t\t\tpam_permit.so\n";
    assert_eq!(
        places(&made, "session"),
        [permit, "session\toptional\tpam_second.so x\nsession\trequired\tpam_unix.so \n"]
    );
    assert_eq!(places(&made, "session-noninteractive"), [permit, "session\trequired\tpam_unix.so \n"]);
    assert!(made["/etc/pam.d/common-auth"].starts_with("# above\n"));
    assert!(made["/etc/pam.d/common-auth"].ends_with(&format!("{ADDITIONAL_MARK}\n{END_MARK}\n")));
}

#[test]
fn what_is_kept_to_find_changes_by() {
    let made = made(&system());
    assert_eq!(
        made["/var/lib/pam/auth"],
        "Module: second\n[success=end default=ignore]\tpam_second.so initial\n\
         Module: first\n[success=end default=ignore]\tpam_first.so try_first_pass\nrequired  pam_friend.so\n\
         Module: unix\n[success=end default=ignore]\tpam_unix.so nullok try_first_pass\n"
    );
    assert_eq!(
        made["/var/lib/pam/account"],
        "Module: unix\n[success=end new_authtok_reqd=done default=ignore]\tpam_unix.so\n\
         Module: first\n[success=end  default=ignore] pam_end.so\noptional pam_b.so a  b\n"
    );
    assert_eq!(
        made["/var/lib/pam/session-noninteractive"],
        "Module: null\n[default=1]\t\t\tpam_permit.so\nModule: unix\nrequired\tpam_unix.so\n"
    );
    assert_eq!(made["/var/lib/pam/seen"], "off\nsecond\nfirst\nunix\nthird\n");
}

#[test]
fn a_template_without_its_marks_is_refused() {
    let mut tree = system();
    add(&mut tree, "/usr/share/pam/common-account", format!("{PRIMARY_MARK}\n{END_MARK}\n"));
    let error = pam_common(&tree, &NoBlobs).unwrap_err();
    assert_eq!(error.to_string(), "`/usr/share/pam/common-account` lacks the marks of pam-auth-update");
    assert_eq!(pam_common(&crate::generate::oracle::tree(&[]), &NoBlobs).unwrap(), []);
}

proptest! {
    #[test]
    fn any_profile_leaves_whole_stacks(text in "(Default: yes\n)?(Auth-Type: Primary\n)?(Auth:\n)?([\\[\\]a-c:0 \té]{0,8}\n){0,6}") {
        let mut tree = system();
        add(&mut tree, "/usr/share/pam-configs/odd", text);
        for text in made(&tree).values().filter(|text| text.starts_with("# above")) {
            let end = format!("{END_MARK}\n");
            prop_assert!(text.ends_with(&end));
        }
    }
}
