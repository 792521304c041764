//! What scripts say, and what is in the database then. All that is expected here follows debconf-devel(7), with a frontend that asks
//! nobody; that whole databases are debconf's own, byte by byte, is for `tests/oracle/mmdebstrap.rs` to judge.

use super::*;

const TEMPLATES: &str = "Template: thing/mode
Type: select
Choices: fast, really slow, ${more}
Default: other
Description: How?

Template: thing/port
Type: string
Default: 80
Description: Port of ${host}:
 Where it
 listens.
Description-de.UTF-8: Port:

Template: thing/secret
Type: password
Description: Password:

Template: thing/broken
Type: error
Description: Broken!
";

/// A script of `thing` that has begun to ask.
fn asking(owner: &str) -> Debconf {
    let mut debconf = Debconf::default();
    debconf.load("thing", TEMPLATES.as_bytes(), owner).unwrap();
    debconf.begin(owner);
    debconf
}

fn say(debconf: &mut Debconf, line: &str) -> (u8, String) {
    let words: Vec<&str> = line.split('|').collect();
    let (code, text) = debconf.command(&words);
    (code, text.unwrap_or_default())
}

/// A question's stanza in a file of the database.
fn stanza<'a>(file: &'a str, name: &str) -> &'a str {
    let found = file.split_inclusive("\n\n").find(|stanza| stanza.starts_with(&format!("Name: {name}\n")));
    found.unwrap_or_else(|| panic!("no {name} in\n{file}"))
}

#[test]
fn questions_are_whoevers_scripts_asked_them() {
    let mut debconf = asking("thing");
    debconf.finish();
    debconf.load("thing", TEMPLATES.as_bytes(), "thing:amd64").unwrap();
    debconf.load("other", b"Template: thing/port\nType: string\nDescription: Another\n", "other").unwrap();
    let config = debconf.database.render_questions(false);
    assert_eq!(
        config.lines().filter(|line| line.starts_with("Name")).collect::<Vec<_>>(),
        ["Name: thing/broken", "Name: thing/mode", "Name: thing/port"]
    );
    assert_eq!(
        stanza(&config, "thing/port"),
        "Name: thing/port\nTemplate: thing/port\nOwners: other, thing, thing:amd64\n\n"
    );
    // Others do not see it; nor do they see the text that the second package replaced.
    assert!(debconf.database.render_questions(true).starts_with("Name: thing/secret\n"));
    let templates = debconf.database.render_templates();
    assert_eq!(
        stanza(&templates, "thing/port"),
        "Name: thing/port\nDescription: Another\nType: string\nOwners: thing/port\n\n"
    );
}

#[test]
fn a_template_is_written_with_its_translations() {
    let templates = asking("thing").database.render_templates();
    assert_eq!(
        stanza(&templates, "thing/port"),
        "Name: thing/port\nDefault: 80\nDescription: Port of ${host}:\nDescription-de.utf-8: Port:\n\
         Extended_description: Where it listens.\nType: string\nOwners: thing/port\n\n"
    );
}

#[test]
fn variables_are_kept_and_stand_in_what_is_read() {
    let mut debconf = asking("thing");
    assert_eq!(say(&mut debconf, "subst|thing/port|host|here  and|there"), (0, String::new()));
    assert_eq!(say(&mut debconf, "subst|thing/port|empty|"), (0, String::new()));
    assert_eq!(say(&mut debconf, "metaget|thing/port|Description"), (0, "Port of here and there:".to_owned()));
    assert_eq!(say(&mut debconf, "metaget|thing/port|extended_description").1, "Where it listens.");
    let config = debconf.database.render_questions(false);
    assert_eq!(
        stanza(&config, "thing/port"),
        "Name: thing/port\nTemplate: thing/port\nOwners: thing\nVariables:\n empty = \n host = here and there\n\n"
    );
    assert_eq!(say(&mut debconf, "subst|no/such|x|y"), (10, "no/such doesn't exist".to_owned()));
    assert_eq!(
        debconf.database.expand("thing/port", "\\${host} ${none}${host ${host}$"),
        "${host} ${host here and there$"
    );
}

#[test]
fn what_would_have_been_shown_is_seen_and_has_a_value() {
    let mut debconf = asking("thing");
    for line in
        ["input|high|thing/mode", "input|medium|thing/port", "input|low|thing/broken", "input|high|thing/secret"]
    {
        assert_eq!(say(&mut debconf, line), (30, "question skipped".to_owned()));
    }
    // Not among the choices: the first one is taken.
    assert_eq!(
        (say(&mut debconf, "go").1, say(&mut debconf, "get|thing/mode").1),
        ("ok".to_owned(), "fast".to_owned())
    );
    say(&mut debconf, "fset|thing/secret|seen|false");
    debconf.finish();
    let config = debconf.database.render_questions(false);
    assert!(stanza(&config, "thing/mode").contains("Value: fast\nOwners: thing\nFlags: seen\n"), "{config}");
    assert!(stanza(&config, "thing/port").contains("Value: 80\nOwners: thing\n\n"), "{config}");
    assert!(stanza(&config, "thing/broken").contains("Value: \nOwners: thing\nFlags: seen\n"), "{config}");
    assert!(!debconf.database.render_questions(true).contains("Flags"));
}

#[test]
fn questions_come_and_go_with_their_owners() {
    let mut debconf = asking("thing");
    assert_eq!(say(&mut debconf, "register|no/such|thing/a").0, 10);
    say(&mut debconf, "register|thing/port|thing/port2");
    say(&mut debconf, "set|thing/port2|81");
    let templates = debconf.database.render_templates();
    assert!(stanza(&templates, "thing/port").contains("Owners: thing/port, thing/port2\n"), "{templates}");
    say(&mut debconf, "input|high|thing/port2");
    assert_eq!(say(&mut debconf, "unregister|thing/port2").0, 10);
    say(&mut debconf, "go");
    assert_eq!(say(&mut debconf, "metaget|thing/port2|value").1, "81");
    assert_eq!(
        (say(&mut debconf, "unregister|thing/port2").0, say(&mut debconf, "exist|thing/port2").1),
        (0, "false".into())
    );
    assert!(!debconf.database.render_templates().contains("port2"));
    say(&mut debconf, "purge");
    assert_eq!((debconf.database.render_questions(false), debconf.database.render_templates()), Default::default());
}

#[test]
fn a_script_may_escape_what_it_says() {
    let mut debconf = asking("thing");
    assert_eq!(say(&mut debconf, "capb|backup escape").1, "multiselect escape ");
    say(&mut debconf, r"set|thing/port|a\nb\ \ c\\");
    assert_eq!(say(&mut debconf, "get|thing/port").1, "a\nb  c\\");
    assert!(debconf.database.render_questions(false).contains("Value: a\\nb  c\\\n"));
    // Without it an answer ends with its line.
    say(&mut debconf, "capb");
    assert_eq!(say(&mut debconf, "get|thing/port").1, "a");
    assert_eq!((say(&mut debconf, "version|2.0"), say(&mut debconf, "version|3").0), ((0, "2.0".to_owned()), 30));
    assert_eq!((say(&mut debconf, "fset|thing/port|seen").0, say(&mut debconf, "dance").0), (20, 20));
}
