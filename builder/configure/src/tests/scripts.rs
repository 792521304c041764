//! Scripts of packages, through the whole step: what they leave in the tree, and where they are refused.

use rootsmith_tree::NodeKind;

use super::*;

/// What one package's `postinst` leaves, with these files of its own.
fn left_by(postinst: &str, files: &[(&str, &str)]) -> Result<Assembly, String> {
    let mut pack = Pack::default();
    let script = format!("#!/bin/sh\nset -e\n{postinst}");
    let all = [&[("/etc/motd", "hello\n"), ("/usr/share/thing/x", "x\n"), ("/tmp/y", "")], files].concat();
    let packages = [package(&mut pack, "thing", "", &[("postinst", &script)], &all)];
    match run(&profile(""), &packages, &pack) {
        Ok((assembly, _)) => Ok(assembly),
        Err(errors) => Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

fn metadata(assembly: &Assembly, path: &str) -> (u16, u32, u32) {
    let node = assembly.tree.get(&TreePath::new(path).unwrap()).unwrap_or_else(|| panic!("no {path}"));
    (node.metadata.mode, node.metadata.uid, node.metadata.gid)
}

#[test]
fn files_are_made_changed_moved_and_removed_in_the_order_written() {
    let assembly = left_by(
        r#"
conf=/etc/thing.conf
if [ ! -e $conf ]; then
    umask 027
    cat > $conf <<EOF
# made for $1
port = $((8000 + 80))
EOF
    umask 022
fi
sed -i 's/^port = .*/port = 99/' $conf
echo "more" >> $conf
mkdir -p -m 2775 /srv/a/b
cp -p $conf /srv/a/b/
mv /srv/a/b/thing.conf /srv/a/b/moved
ln -sf ../a/b/moved /srv/link
[ "$(readlink /srv/link)" = ../a/b/moved ]
grep -q '^port = 99$' /srv/a/b/moved
rm -f /etc/motd /no/such
t=$(mktemp -d)
touch "$t/x"
rm -r "$t"
install -d -m 0750 /var/lib/thing
install -m 0600 /usr/share/thing/x /var/lib/thing/copy
for f in /usr/share/thing/*; do echo "$f"; done > /var/lib/thing/list
"#,
        &[],
    )
    .unwrap();
    assert_eq!(text(&assembly, "/etc/thing.conf"), "# made for configure\nport = 99\nmore\n");
    assert_eq!(metadata(&assembly, "/etc/thing.conf"), (0o640, 0, 0));
    assert_eq!((metadata(&assembly, "/srv/a").0, metadata(&assembly, "/srv/a/b").0), (0o755, 0o2775));
    assert_eq!(target(&assembly, "/srv/link"), "../a/b/moved");
    assert_eq!(text(&assembly, "/var/lib/thing/list"), "/usr/share/thing/x\n");
    assert_eq!(metadata(&assembly, "/var/lib/thing").0, 0o750);
    assert_eq!(metadata(&assembly, "/var/lib/thing/copy").0, 0o600);
    for gone in ["/etc/motd", "/srv/a/b/thing.conf"] {
        assert!(assembly.tree.get(&TreePath::new(gone).unwrap()).is_none(), "{gone}");
    }
    let left: Vec<_> = assembly.tree.children(&TreePath::literal("/tmp")).collect();
    assert_eq!(left, [b"y"]);
}

#[test]
fn accounts_are_there_as_soon_as_they_are_made() {
    let assembly = left_by(
        r#"
getent passwd thing >/dev/null || adduser --system --group --home /var/lib/thing --gecos 'A thing' thing
getent group readers || addgroup --system readers
usermod -a -G readers thing
useradd --system --gid readers --home-dir /nowhere --shell /usr/sbin/nologin other
[ "$(id -u thing)" -ge 100 ]
[ "$(id -gn other 2>/dev/null || id -Gn other)" = readers ]
getent passwd thing | cut -d: -f6 > /etc/home
grep -c '^thing:' /etc/passwd > /etc/count
chown -R thing:readers /usr/share/thing
chmod u=rwX,g=rX,o= /usr/share/thing/x
dpkg-statoverride --list /usr/share/thing >/dev/null 2>&1 ||
    dpkg-statoverride --update --add root readers 02710 /usr/share/thing
dpkg-statoverride --list /usr/share/thing
"#,
        &[],
    )
    .unwrap();
    assert_eq!(
        (text(&assembly, "/etc/home"), text(&assembly, "/etc/count")),
        ("/var/lib/thing\n".into(), "1\n".into())
    );
    let (mode, uid, gid) = metadata(&assembly, "/usr/share/thing/x");
    assert_eq!(mode, 0o640);
    let (override_mode, owner, group) = metadata(&assembly, "/usr/share/thing");
    assert_eq!((override_mode, owner, group), (0o2710, 0, gid));
    assert_eq!(metadata(&assembly, "/var/lib/thing").1, uid);
}

#[test]
fn questions_have_the_answers_of_their_templates_or_of_scripts() {
    let mut pack = Pack::default();
    let postinst = "#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\ndb_get thing/port\necho \"port $RET\" > /etc/thing\n\
                    db_get thing/mode\necho \"mode $RET\" >> /etc/thing\ndb_get thing/none || echo none >> /etc/thing\ndb_stop\n";
    let config =
        "#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_set thing/mode fast\ndb_input high thing/port || true\ndb_go\n";
    let templates = "Template: thing/port\nType: string\nDefault: 80\nDescription: x\n\nTemplate: thing/mode\nType: select\n\
                     Choices: fast, slow\nDefault: slow\nDescription: y\n";
    let control = [("postinst", postinst), ("config", config), ("templates", templates)];
    let packages = [package(&mut pack, "thing", "", &control, &[("/etc/x", "")])];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    assert_eq!(text(&assembly, "/etc/thing"), "port 80\nmode fast\nnone\n");
    // A `preinst` may ask, too, and a `config` that fails stops dpkg.
    let preinst = "#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_get thing/mode\necho \"$RET\" > /etc/early\n";
    let control = [("preinst", preinst), ("config", config), ("templates", templates)];
    let packages = [package(&mut pack, "thing", "", &control, &[("/etc/x", "")])];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    assert_eq!(text(&assembly, "/etc/early"), "fast\n");
    let control = [("preinst", preinst), ("config", "#!/bin/sh\nexit 7\n"), ("templates", templates)];
    let packages = [package(&mut pack, "thing", "", &control, &[("/etc/x", "")])];
    let errors = run(&profile(""), &packages, &pack).unwrap_err();
    assert!(errors[0].to_string().contains("`config configure` ends with status 7"), "{}", errors[0]);
}

#[test]
fn debconf_finds_its_database_as_it_would_have_left_it() {
    let postinst = "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then . /usr/share/debconf/confmodule; db_stop; fi\n";
    let config = "#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_subst thing/port host here\ndb_input high thing/port || true\n\
                  db_go\n";
    let templates = "Template: thing/port\nType: string\nDefault: 80\nDescription: x\n";
    let database = |with: &[&str], answer: &str| {
        let mut pack = Pack::default();
        let own = [("postinst", postinst), ("config", config), ("templates", templates), ("triggers", "interest x\n")];
        let silent = [("postinst", "#!/bin/sh\n"), ("templates", "Template: silent/x\nType: note\nDescription: x\n")];
        let mut packages = vec![
            package(&mut pack, "thing", "Multi-Arch: same\n", &own, &[("/etc/x", "")]),
            package(&mut pack, "silent", "", &silent, &[]),
        ];
        packages.extend(with.iter().map(|name| package(&mut pack, name, "", &[], &[])));
        let (assembly, _) = run(&profile(answer), &packages, &pack).unwrap();
        let folder = assembly.tree.children(&TreePath::literal("/var/cache/debconf"));
        let names: Vec<String> = folder.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let files = names.iter().map(|name| {
            let path = format!("/var/cache/debconf/{name}");
            (format!("{name} {:o}", metadata(&assembly, &path).0), text(&assembly, &path))
        });
        files.collect::<Vec<_>>()
    };
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let others = |templates: &str| [file("passwords.dat 600", ""), file("templates.dat 644", templates)];
    let templates = "Name: thing/port\nDefault: 80\nDescription: x\nType: string\nOwners: thing/port\n\n";
    let asked = file(
        "config.dat 644",
        "Name: thing/port\nTemplate: thing/port\nValue: 80\nOwners: thing:amd64\nFlags: seen\nVariables:\n host = here\n\n",
    );
    assert_eq!(database(&["debconf"], ""), [vec![asked], others(templates).to_vec()].concat());
    assert_eq!(database(&[], ""), []);
    // Left out for good: its questions are there, and nobody answered them. Left to the first boot: dpkg asks them there.
    let ignored = "[scripts]\nthing = { ignore = \"not here\" }\n";
    let unasked = file("config.dat 644", "Name: thing/port\nTemplate: thing/port\nOwners: thing:amd64\n\n");
    assert_eq!(database(&["debconf"], ignored), [vec![unasked], others(templates).to_vec()].concat());
    let later = "[scripts]\nthing = { first-boot = \"there\" }\n";
    assert_eq!(database(&["debconf", "dpkg"], later)[1..], others(""));
}

#[test]
fn a_package_finds_what_it_depends_on_configured() {
    let mut pack = Pack::default();
    let lists = "#!/bin/sh\nset -e\nwhile read -r line; do echo \"<$line>\"; done < /etc/list > /etc/seen\n\
                 dpkg-query -W -f='${Version}\\n' zlist > /etc/version\n";
    let packages = [
        package(&mut pack, "asker", "Depends: zlist | other\n", &[("postinst", lists)], &[("/etc/x", "")]),
        package(
            &mut pack,
            "zlist",
            "",
            &[("postinst", "#!/bin/sh\nprintf 'a\\nb\\n' > /etc/list\n")],
            &[("/etc/y", "")],
        ),
    ];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    assert_eq!(text(&assembly, "/etc/seen"), "<a>\n<b>\n");
    assert_eq!(text(&assembly, "/etc/version"), "1.0-1\n");
}

#[test]
fn a_circle_of_packages_is_configured_too() {
    let mut pack = Pack::default();
    let append = |name: &str| format!("#!/bin/sh\necho {name} >> /etc/order\n");
    let [a, b, c] = ["aa", "bb", "cc"].map(append);
    let packages = [
        package(&mut pack, "aa", "Depends: bb\n", &[("postinst", &a)], &[("/etc/a", "")]),
        package(&mut pack, "bb", "Depends: aa, virtual\n", &[("postinst", &b)], &[("/etc/b", "")]),
        package(&mut pack, "cc", "Provides: virtual\n", &[("postinst", &c)], &[("/etc/c", "")]),
    ];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    assert_eq!(text(&assembly, "/etc/order"), "cc\nbb\naa\n");
}

#[test]
fn a_diversion_sets_aside_what_is_there() {
    let mut pack = Pack::default();
    let preinst = "#!/bin/sh\nset -e\ndpkg-divert --package thing --rename --divert /usr/bin/tool.real --add /usr/bin/tool\n\
                   ln -s thing /usr/bin/tool\n[ \"$(dpkg-divert --truename /usr/bin/tool)\" = /usr/bin/tool.real ]\n";
    let packages = [
        package(&mut pack, "thing", "", &[("postinst", preinst)], &[("/usr/bin/thing", "")]),
        package(&mut pack, "tool", "", &[], &[("/usr/bin/tool", "the tool")]),
    ];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    let aside = assembly.tree.get(&TreePath::literal("/usr/bin/tool.real")).unwrap();
    assert_eq!(aside.content().unwrap().size(), "the tool".len() as u64);
    assert_eq!(target(&assembly, "/usr/bin/tool"), "thing");
}

#[test]
fn nothing_leaves_the_tree_and_nothing_goes_on_for_ever() {
    let outside = "ln -s / /elsewhere\nln -s ../../etc /usr/share/up\necho x > /usr/share/up/../etc/within\nmkdir -p /elsewhere/made\n\
                   touch /../../../above\n";
    let assembly = left_by(outside, &[]).unwrap();
    assert_eq!(text(&assembly, "/etc/within"), "x\n");
    assert!(matches!(assembly.tree.get(&TreePath::literal("/made")).unwrap().kind, NodeKind::Directory));
    assert!(assembly.tree.get(&TreePath::literal("/above")).is_some());
    for (script, message) in [
        ("while :; do :; done\n", "does not come to an end"),
        ("f() { f; }; f\n", ""),
        ("ln -s / /srv/up; find /srv -follow -name passwd\n", "`find -follow` past the link `/srv/up`"),
        ("while :; do su -s /bin/sh root -c :; done\n", "scripts that call scripts without an end"),
        ("x=x; while :; do x=$x$x; done\n", ""),
        ("cat /proc/cpuinfo > /etc/cpu\n", "/proc/cpuinfo"),
        ("key=$(head -c 16 /dev/urandom | md5sum)\n", "a device of a running system"),
        ("echo x > /dev/console\n", "a device of a running system"),
        ("echo 'x:x:0:0::/:/bin/sh' >> /etc/passwd\n", "a change of `/etc/passwd` that no tool for accounts makes"),
        ("cp /etc/motd /etc/group\n", "a change of `/etc/group`"),
        ("grep -c : /etc/passwd; mv /etc/passwd /etc/x\n", "a change of `/etc/passwd`"),
        ("rm -f /etc/passwd; cp --preserve=timestamps /etc/motd /etc/x\n", "`cp --preserve=timestamps`"),
        ("x=$(head -c 1000000 /dev/zero)\n", "a device of a running system"),
        (
            "i=0; while [ $i -lt 60000 ]; do mkdir -p /srv/$i/a/b/c/d; i=$((i + 1)); done\n",
            "more changes than any script makes",
        ),
        ("find /usr -exec test -d {} ';' -print\n", "an action that is not the last word"),
        ("find /usr ! -print\n", "a negated action"),
        ("rm -rf /\n", "removing everything"),
        ("cp -a / /usr/share/thing/all\n", "into itself"),
        ("chmod u+q /etc/motd\n", "the mode `u+q`"),
        ("rm --no-preserve-root /x\n", "the option `--no-preserve-root` of `rm`"),
        ("make-something\n", "`make-something` is not known"),
        ("exit 3\n", "ends with status 3"),
        ("chown nobody-made-me /etc/motd\n", "there is no account `nobody-made-me`"),
    ] {
        let error = left_by(script, &[]).unwrap_err();
        assert!(
            error.contains("the `postinst` script of `thing` is not modelled") && error.contains(message),
            "{error}"
        );
    }
}

#[test]
fn scripts_that_scripts_call_are_followed_too() {
    let tool = "#!/bin/sh\n# makes a file\nset -e\nmkdir -p \"$1\"\necho \"$2\" > \"$1/made\"\n";
    let mut pack = Pack::default();
    let postinst = "#!/bin/sh\nset -e\n/usr/share/thing/tool /srv/x 'a  b'\n";
    let mut thing = package(&mut pack, "thing", "", &[("postinst", postinst)], &[("/usr/share/thing/tool", tool)]);
    let unpacked = Arc::make_mut(&mut thing.unpacked);
    unpacked.entries.iter_mut().for_each(|entry| entry.mode = 0o755);
    let (assembly, _) = run(&profile(""), &[thing], &pack).unwrap();
    assert_eq!(text(&assembly, "/srv/x/made"), "a  b\n");
}

#[test]
fn a_script_that_calls_itself_ends_on_the_stack_of_a_small_thread() {
    let tool = "#!/bin/sh\nf() { { { ( /usr/share/thing/tool \"$(/usr/share/thing/tool x)\" ) } } }\nf\n";
    let on_a_thread = || {
        let mut pack = Pack::default();
        let postinst = "#!/bin/sh\n/usr/share/thing/tool\n";
        let mut thing = package(&mut pack, "thing", "", &[("postinst", postinst)], &[("/usr/share/thing/tool", tool)]);
        Arc::make_mut(&mut thing.unpacked).entries.iter_mut().for_each(|entry| entry.mode = 0o755);
        run(&profile(""), &[thing], &pack).unwrap_err()[0].to_string()
    };
    // What the workers of a build have.
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(on_a_thread).unwrap();
    let error = thread.join().unwrap();
    assert!(error.contains("commands are nested too deep"), "{error}");
}

#[test]
fn a_script_for_another_interpreter_is_named() {
    let mut pack = Pack::default();
    for (first, named) in [("#!/usr/bin/perl -w", "`/usr/bin/perl`"), ("#!/bin/zsh\n[[ -e /x ]]", "`/bin/zsh`")] {
        let packages = [package(&mut pack, "thing", "", &[("postinst", &format!("{first}\nexit 0\n"))], &[("/x", "")])];
        let errors = run(&profile(""), &packages, &pack).unwrap_err();
        assert!(errors[0].to_string().contains(&format!("a script for {named}")), "{}", errors[0]);
    }
    let script = "#!/bin/sh -e\nfalse\n";
    let packages = [package(&mut pack, "thing", "", &[("postinst", script)], &[("/x", "")])];
    assert!(run(&profile(""), &packages, &pack).is_err(), "`-e` of the first line counts");
}

#[test]
fn a_script_for_bash_is_read_as_bash_reads_it() {
    let mut pack = Pack::default();
    let script = "#!/bin/bash -e\nnames=(a 'b c')\nfor name in \"${names[@]}\"; do\n  [[ $name == *' '* ]] && echo \"${name/ /-}\" >>/x\ndone\necho -e 'x\\ty' >>/x\n";
    let packages = [package(&mut pack, "thing", "", &[("postinst", script)], &[("/x", "")])];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    assert_eq!(text(&assembly, "/x"), "b-c\nx\ty\n");
    let same = script.replace("/bin/bash", "/bin/sh");
    let packages = [package(&mut pack, "thing", "", &[("postinst", &same)], &[("/x", "")])];
    assert!(run(&profile(""), &packages, &pack).is_err(), "dash has no arrays");
}

#[test]
fn what_only_the_machine_can_make_dpkg_makes_there() {
    let postinst = "#!/bin/sh\nset -e\nmkdir /etc/thing\nkey=$(head -c 16 /dev/urandom | md5sum)\necho \"$key\" > /etc/thing/key\n\
                    # Automatically added by dh_thing/1\ntouch /etc/snippet\n# End automatically added section\n";
    let mut pack = Pack::default();
    let packages = [
        package(&mut pack, "thing", "", &[("postinst", postinst)], &[("/usr/share/thing/x", "x\n")]),
        package(&mut pack, "dpkg", "", &[], &[("/usr/bin/dpkg", "")]),
    ];
    let (assembly, report) = run(&profile(""), &packages, &pack).unwrap();
    let there = |path: &str| assembly.tree.get(&TreePath::new(path).unwrap()).is_some();
    assert!(there("/etc/thing") && there("/etc/snippet") && !there("/etc/thing/key"));
    let status = text(&assembly, "/var/lib/dpkg/status");
    let of =
        |name: &str| status.split("\n\n").find(|stanza| stanza.starts_with(&format!("Package: {name}\n"))).unwrap();
    assert!(of("thing").contains("Status: install ok half-configured") && of("dpkg").contains("install ok installed"));
    assert_eq!(text(&assembly, "/var/lib/rootsmith/package-setup"), "thing\n");
    let wanted = "/etc/systemd/system/basic.target.wants/package-setup.service";
    assert_eq!(target(&assembly, wanted), "/etc/systemd/system/package-setup.service");
    assert_eq!(report.counts().first_boot, 1);
    let plan = crate::identity_plan(&assembly.tree, &profile(""));
    assert!(plan.iter().any(|made| made.what == "packages" && made.by == "package-setup.service"));
}

#[test]
fn what_programs_must_make_is_left_to_the_machine_too() {
    for (command, file) in [
        ("bash /usr/bin/mariadb-install-db --rpm", "/usr/bin/mariadb-install-db"),
        ("update-mime-database /usr/share/mime", "/usr/bin/update-mime-database"),
        ("glib-compile-schemas /usr/share/glib-2.0/schemas || true", "/usr/share/glib-2.0/schemas/x.gschema.xml"),
    ] {
        let mut pack = Pack::default();
        let postinst = format!("#!/bin/sh\nset -e\n{command}\n");
        let packages = [
            package(&mut pack, "thing", "", &[("postinst", &postinst)], &[(file, "#!/bin/sh\n")]),
            package(&mut pack, "dpkg", "", &[], &[("/usr/bin/dpkg", "")]),
        ];
        let (_, report) = run(&profile(""), &packages, &pack).unwrap();
        assert_eq!(report.counts().first_boot, 1, "{command}");
    }
    assert!(left_by("update-mime-database /x\n", &[]).unwrap_err().contains("makes what only the machine can make"));
}

#[test]
fn caches_are_left_out_or_made_on_the_first_boot_as_the_profile_says() {
    let triggered = "#!/bin/sh\nif [ \"$1\" = triggered ]; then gtk-update-icon-cache /usr/share/icons; fi\n";
    let left = |caches: &str, extra: &str, with_dpkg: bool| {
        let mut pack = Pack::default();
        let manual = [("postinst", "#!/bin/sh\nset -e\nmandb -cq\npy3clean x\nmkdir /srv/manual\n")];
        let python = [("postinst", "#!/bin/sh\npython3.13 /usr/lib/python3.13/py_compile.py x.py\n")];
        let icons = [("postinst", triggered), ("triggers", "interest-noawait /usr/share/icons\n")];
        let mime = [("postinst", "#!/bin/sh\nset -e\nupdate-mime-database /usr/share/mime\n")];
        let schemas = [("postinst", "#!/bin/sh\nset -e\nglib-compile-schemas /usr/share/glib-2.0/schemas\n")];
        let mut packages = vec![
            package(&mut pack, "icons", "", &icons, &[("/usr/share/icons/x", "")]),
            package(&mut pack, "manual", "", &manual, &[]),
            package(&mut pack, "mime", "", &mime, &[]),
            package(&mut pack, "python", "", &python, &[]),
            package(&mut pack, "schemas", "", &schemas, &[("/usr/share/glib-2.0/schemas/x.gschema.xml", "")]),
            package(&mut pack, "cleaner", "", &[("postinst", "#!/bin/sh\npy3clean x\n")], &[]),
        ];
        if with_dpkg {
            packages.push(package(&mut pack, "dpkg", "", &[], &[("/usr/bin/dpkg", "")]));
        }
        let list = format!("include = [\"base-files\"]\n{caches}");
        let profile = PROFILE.replace("include = [\"base-files\"]", &list) + extra;
        let profile = rootsmith_profile::load(Path::new("test.toml"), &One(profile)).unwrap();
        let (assembly, report) = run(&profile, &packages, &pack)?;
        assert!(assembly.tree.get(&TreePath::literal("/srv/manual")).is_some(), "the rest of the script is followed");
        let setup = "/var/lib/rootsmith/package-setup";
        let is_left = assembly.tree.get(&TreePath::literal(setup)).is_some();
        let setup = if is_left { text(&assembly, setup).replace('\n', " ") } else { String::new() };
        Ok::<_, Vec<ConfigureError>>((setup, assembly, report))
    };
    assert_eq!(left("", "", true).unwrap().0, "mime schemas ");
    assert_eq!(left("caches = \"left-out\"\n", "", true).unwrap().0, "");
    // Nobody has to make what is left out.
    assert_eq!(left("caches = \"left-out\"\n", "", false).unwrap().0, "");
    let first_boot = "caches = \"first-boot\"\n";
    let (setup, assembly, report) = left(first_boot, "", true).unwrap();
    assert_eq!(setup, "icons manual mime python schemas ");
    let status = text(&assembly, "/var/lib/dpkg/status");
    assert!(status.contains("Package: manual\nStatus: install ok half-configured\n"), "{status}");
    let class = |name: &str| &report.packages.iter().find(|package| package.name.as_str() == name).unwrap().class;
    let first_boot_for = ["icons", "manual", "mime", "python"].map(class);
    let commands = ["gtk-update-icon-cache", "mandb", "update-mime-database /usr/share/mime", "py_compile.py"];
    assert_eq!(first_boot_for, commands.map(|command| Class::FirstBoot(format!("`{command}`"))).each_ref());
    // What the profile leaves out for good is not run there either.
    let ignored = "[scripts]\nicons = { ignore = \"no icons\" }\n";
    assert_eq!(left(first_boot, ignored, true).unwrap().0, "manual mime python schemas ");

    let error = &left(first_boot, "", false).unwrap_err()[0];
    assert_eq!(error.to_string(), "nothing makes caches on the first boot: the image has no dpkg, or not its database");
    assert!(matches!(error.subject(), Subject::Profile(_)));
}

#[test]
fn every_init_has_dpkg_finish_or_says_that_it_cannot() {
    let of = |init: &str| {
        let mut pack = Pack::default();
        let scripts = [("postinst", "#!/bin/sh\nset -e\nrndc-confgen -a\n")];
        let files = [("/usr/sbin/openrc", ""), ("/usr/share/sysvinit/inittab", "")];
        let packages = [
            package(&mut pack, "thing", "", &scripts, &files),
            package(&mut pack, "dpkg", "", &[], &[("/usr/bin/dpkg", "")]),
        ];
        let text = PROFILE.replace("system = \"systemd\"", &format!("system = \"{init}\""));
        let profile = rootsmith_profile::load(Path::new("test.toml"), &One(text)).unwrap();
        match run(&profile, &packages, &pack) {
            Ok((assembly, _)) => Ok(target(&assembly, "/etc/runlevels/default/package-setup")),
            Err(errors) => Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    };
    assert_eq!(of("openrc").as_deref(), Ok("/etc/init.d/package-setup"));
    let error = of("busybox").unwrap_err();
    assert!(error.contains("`busybox` cannot have dpkg configure thing on first boot"), "{error}");

    let text = PROFILE.replace("system = \"systemd\"", "system = \"busybox\"");
    let text = text.replace("[packages]\n", "[packages]\ncaches = \"first-boot\"\n");
    let profile = rootsmith_profile::load(Path::new("test.toml"), &One(text.clone())).unwrap();
    let errors = run(&profile, &[], &Pack::default()).unwrap_err();
    assert_eq!(errors[0].to_string(), "`busybox` cannot have dpkg make caches on first boot");
    let Subject::Profile(origin) = errors[0].subject() else { panic!("{errors:?}") };
    assert_eq!(text[origin.span()], *"\"first-boot\"");
}

#[test]
fn triggers_come_when_all_packages_are_configured() {
    let mut pack = Pack::default();
    let first = "#!/bin/sh\nset -e\nif [ \"$1\" = triggered ]; then echo \"$2\" > /etc/seen; command -v other-tool >> /etc/seen\n\
                 else command -v other-tool > /etc/early || true; fi\n";
    let second =
        "#!/bin/sh\nset -e\nupdate-alternatives --install /usr/bin/other-tool other-tool /opt/other/bin/tool 10\n";
    let triggers = "# deb-triggers(5)\ninterest-noawait /usr/share/x\nactivate ldconfig\ninterest thing\n";
    let packages = [
        package(&mut pack, "first", "", &[("postinst", first), ("triggers", triggers)], &[]),
        package(&mut pack, "second", "Depends: first\n", &[("postinst", second)], &[("/opt/other/bin/tool", "")]),
    ];
    let (assembly, _) = run(&profile(""), &packages, &pack).unwrap();
    assert_eq!(text(&assembly, "/etc/early"), "");
    assert_eq!(text(&assembly, "/etc/seen"), "/usr/share/x thing\n/opt/other/bin/tool\n");
}

#[test]
fn units_that_the_helper_knows_are_enabled_only_when_that_was_asked() {
    let unit = "[Install]\nWantedBy=multi-user.target\n";
    let files = ["a", "b", "c"].map(|name| format!("/usr/lib/systemd/system/{name}.service"));
    let files: Vec<(&str, &str)> = files.iter().map(|path| (path.as_str(), unit)).collect();
    let assembly = left_by(
        r#"
if deb-systemd-helper debian-installed a.service; then exit 1; fi
deb-systemd-helper update-state a.service
deb-systemd-helper debian-installed a.service
if deb-systemd-helper --quiet was-enabled a.service; then deb-systemd-helper enable a.service; fi
if deb-systemd-helper --quiet was-enabled b.service; then deb-systemd-helper enable b.service; fi
deb-systemd-helper enable c.service
deb-systemd-helper disable c.service
if deb-systemd-helper --quiet was-enabled c.service; then exit 1; fi
"#,
        &files,
    )
    .unwrap();
    let links = assembly.tree.children(&TreePath::literal("/etc/systemd/system/multi-user.target.wants"));
    assert_eq!(links.collect::<Vec<_>>(), [b"b.service"]);
    let books = assembly.tree.children(&TreePath::literal("/var/lib/systemd/deb-systemd-helper-enabled"));
    let books: Vec<_> = books.filter(|name| name.ends_with(b"dsh-also")).collect();
    assert_eq!(books, [&b"a.service.dsh-also"[..], b"b.service.dsh-also", b"c.service.dsh-also"]);
}

#[test]
fn ucf_says_what_it_has_in_its_books() {
    let assembly = left_by(
        r#"
ucfq --with-colons /etc/thing.conf > /etc/said
ucf --three-way /usr/share/thing/x /etc/thing.conf
ucfr thing /etc/thing.conf
ucfq --with-colons /etc/thing.conf >> /etc/said
echo more >> /etc/thing.conf
ucfq -w /etc/thing.conf | cut -d: -f2,4 >> /etc/said
"#,
        &[],
    )
    .unwrap();
    assert_eq!(text(&assembly, "/etc/said"), "/etc/thing.conf:::\n/etc/thing.conf:thing:Yes:No\nthing:Yes\n");
}

#[test]
fn java_trusts_the_certificates_that_are_there() {
    let certificate = include_str!("../generate/certificates/tests/example.pem");
    let assembly = left_by(
        r#"
update-ca-certificates
mkdir -p /etc/ssl/certs/java
find /etc/ssl/certs -type l -name \*.pem | sort | sed 's/^/+/' > /tmp/wanted
echo +/etc/ssl/certs/gone.pem >> /tmp/wanted
java -version
java -Xmx64m -jar /usr/share/ca-certificates-java/ca-certificates-java.jar -storepass changeit < /tmp/wanted
"#,
        &[
            ("/usr/share/ca-certificates/x/One.crt", certificate),
            ("/usr/share/ca-certificates/x/two.crt", "no certificate"),
        ],
    )
    .unwrap();
    let NodeKind::File(content) = &assembly.tree.get(&TreePath::literal("/etc/ssl/certs/java/cacerts")).unwrap().kind
    else {
        panic!("no keystore")
    };
    let bytes = content.read(&rootsmith_tree::NoBlobs, 1 << 20).unwrap();
    assert_eq!(bytes[..12], *b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01");
    assert!(bytes.windows(14).any(|window| window == b"debian:one.pem"));
}

#[test]
fn a_package_has_no_files_before_it_is_unpacked() {
    let preinst = "#!/bin/sh\nset -e\n[ ! -e /etc/thing.conf ] && [ -d /etc ] && [ -e /etc/other.conf ]\n\
                   for file in /etc/thing.*; do [ \"$file\" = '/etc/thing.*' ]; done\n";
    let postinst = "#!/bin/sh\nset -e\n[ -e /etc/thing.conf ]\n";
    let mut pack = Pack::default();
    let scripts = [("preinst", preinst), ("postinst", postinst)];
    let packages = [
        package(&mut pack, "other", "", &[], &[("/etc/other.conf", "")]),
        package(&mut pack, "thing", "", &scripts, &[("/etc/thing.conf", "")]),
    ];
    run(&profile(""), &packages, &pack).unwrap();
}

#[test]
fn homes_settings_and_conf_files_are_made_as_their_tools_do() {
    let script = "\
useradd --system --user-group --create-home --home-dir /srv/thing thing
[ \"$(stat -c '%a %U:%G' /srv/thing/.profile)\" = '644 thing:thing' ] && [ \"$(stat -c %a /srv/thing)\" = 700 ]
su -s /bin/sh thing -c 'test -O /srv/thing && ! test -O /etc'
head -c 30000 /usr/share/thing/large >/tmp/large
ucf /tmp/large /etc/large
ucf --three-way /tmp/large /etc/kept
[ ! -e /var/lib/ucf/cache/:etc:large ] && [ -e /var/lib/ucf/cache/:etc:kept ]
[ \"$(find /usr/share/thing '(' -name x -o -name nothing ')' -printf '%P ')\" = 'x ' ]
ln -sr /usr/share/thing/x /etc/way && [ \"$(readlink /etc/way)\" = ../usr/share/thing/x ]
setcap cap_net_raw+ep /usr/share/thing/x
[ \"$(ls -v /usr/share/thing/numbers | tr '\\n' ' ')\" = '2.x 10.x ' ]
update-alternatives --install /usr/bin/tool tool /usr/share/thing/x 5
update-alternatives --query tool | grep -q '^Value: /usr/share/thing/x$'
setpriv --reuid thing --regid thing --init-groups -- /bin/mkdir /srv/made
[ \"$(dd if=/usr/share/thing/x bs=1 count=1 2>/dev/null)\" = x ]
mountpoint -q /proc && ! findmnt /
";
    let large = "x".repeat(30_000);
    let files = [
        ("/etc/skel/.profile", ""),
        ("/usr/share/thing/large", large.as_str()),
        ("/usr/share/thing/numbers/10.x", ""),
        ("/usr/share/thing/numbers/2.x", ""),
    ];
    let assembly = left_by(script, &files).unwrap();
    let node = assembly.tree.get(&TreePath::literal("/usr/share/thing/x")).unwrap();
    assert!(node.metadata.xattrs().any(|(name, _)| name == b"security.capability"));
    assert!(assembly.tree.get(&TreePath::literal("/srv/made")).is_some());
}

#[test]
fn daemons_are_stopped_where_none_runs_and_never_started() {
    left_by(
        "start-stop-daemon --stop --oknodo --quiet --exec /usr/bin/x\n! start-stop-daemon -K --exec /usr/bin/x\n",
        &[],
    )
    .unwrap();
    let error = left_by("start-stop-daemon --start --exec /usr/bin/x\n", &[]).unwrap_err();
    assert!(error.contains("`start-stop-daemon --start --exec /usr/bin/x` is not known"), "{error}");
}
