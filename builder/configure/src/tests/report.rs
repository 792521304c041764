//! What the report says of packages' scripts.

use super::*;
use crate::{By, ReadScript};

#[test]
fn it_says_what_was_read_whose_word_it_was_and_what_came_of_it() {
    let mut pack = Pack::default();
    let unit = [("/usr/lib/systemd/system/d.service", "[Install]\nWantedBy=multi-user.target\n")];
    let generated = format!("#!/bin/sh\n# postinst of snippets\nset -e\n{ENABLE}exit 0\n");
    let own = "#!/bin/sh\nset -e\nmkdir -p /srv/own\n";
    let idle = "#!/bin/sh\nif [ \"$1\" = upgrade ]; then\n\trm -f /srv/x\nfi\n";
    let packages = [
        package(&mut pack, "bare", "", &[], &[]),
        package(&mut pack, "generated", "", &[("postinst", &generated)], &unit),
        package(&mut pack, "idle", "", &[("preinst", idle)], &[]),
        package(&mut pack, "owner", "", &[("postinst", own), ("preinst", idle)], &[]),
        package(&mut pack, "told", "", &[("postinst", "#!/bin/sh\nupdate-thing\n")], &[]),
    ];
    let profile = profile("[scripts]\ntold = { ignore = \"why\" }\n");
    let (_, report) = run(&profile, &packages, &pack).unwrap();
    let read = |name: &str, text: &str, lines, by| ReadScript {
        name: name.to_owned(),
        lines,
        sha256: Sha256Digest::of(text.as_bytes()),
        by,
    };
    let expected = [
        ("bare", Class::NothingToDo, vec![], "[]"),
        ("generated", Class::Snippets, vec![read("postinst", &generated, 11, By::Snippets)], r#"["enable d.service"]"#),
        ("idle", Class::NothingToDo, vec![read("preinst", idle, 4, By::Itself)], "[]"),
        (
            "owner",
            Class::Followed,
            vec![read("preinst", idle, 4, By::Itself), read("postinst", own, 3, By::Itself)],
            r#"["directory /srv/own"]"#,
        ),
        (
            "told",
            Class::Answered("why".to_owned()),
            vec![read("postinst", "#!/bin/sh\nupdate-thing\n", 2, By::Profile)],
            "[]",
        ),
    ];
    for (found, (name, class, read, effects)) in report.packages.iter().zip(expected) {
        assert_eq!((found.name.as_str(), &found.class, &found.read), (name, &class, &read));
        assert_eq!(format!("{:?}", found.effects), effects, "{name}");
    }
    let counts = Counts { packages: 5, nothing_to_do: 2, snippets: 1, followed: 1, answered: 1, ..Counts::default() };
    assert_eq!(report.counts(), counts);
    assert_eq!(
        counts.to_string(),
        "5 packages: 2 nothing to do, 1 generated snippets, 1 followed, 0 modelled, 0 left to the first boot, \
         1 answered by the profile"
    );
}
