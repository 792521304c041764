//! What cloud-init is told by a profile.

use super::*;

/// The whole step, with a cloud-init of three datasources.
fn built(profile: &Profile) -> Result<Assembly, Vec<ConfigureError>> {
    let mut pack = Pack::default();
    let sources = ["DataSourceNoCloud.py", "DataSourceEc2.py", "DataSourceNone.py", "__init__.py"];
    let sources = sources.map(|name| format!("/usr/lib/python3/dist-packages/cloudinit/sources/{name}"));
    let files: Vec<(&str, &str)> = sources.iter().map(|path| (path.as_str(), "")).collect();
    let packages = [package(&mut pack, "cloud-init", "", &[], &files)];
    run(profile, &packages, &pack).map(|(assembly, _)| assembly)
}

fn files(extra: &str) -> [String; 2] {
    let assembly = built(&profile(extra)).unwrap();
    ["/etc/cloud/cloud.cfg.d/90_profile.cfg", "/etc/cloud/ds-identify.cfg"].map(|path| text(&assembly, path))
}

/// What is wrong with `system`, with `extra` in the profile: message and hint.
fn wrong(system: &str, extra: &str, built: impl Fn(&Profile) -> Result<Assembly, Vec<ConfigureError>>) -> Vec<String> {
    let text = PROFILE.replace("\"systemd\"", &format!("\"{system}\""));
    let profile = rootsmith_profile::load(Path::new("test.toml"), &One(format!("{text}{extra}"))).unwrap();
    let errors = built(&profile).unwrap_err();
    let about = |error: &&ConfigureError| error.to_string().contains("cloud-init");
    errors.iter().filter(about).map(|error| format!("{error}: {}", error.help().unwrap())).collect()
}

#[test]
fn datasources_are_pinned_and_growing_is_left_to_the_profile() {
    let [config, policy] = files("[cloud-init]\ndatasources = [\"NoCloud\", \"Ec2\"]\n");
    assert_eq!(
        config,
        "# Made from `[cloud-init]` of the image's profile.\ndatasource_list: [ NoCloud, Ec2 ]\n\
         # The partition that grows is the profile's to name.\ngrowpart: { mode: 'off' }\nresize_rootfs: false\n"
    );
    assert!(policy.ends_with("\npolicy: search,found=all,maybe=none,notfound=disabled\n"), "{policy}");

    let [config, policy] =
        files("[cloud-init]\ndatasources = [\"Ec2\", \"NoCloud\", \"None\"]\nnetwork = \"profile\"\n");
    assert!(config.contains("\ndatasource_list: [ Ec2, NoCloud, None ]\n"), "{config}");
    assert!(config.ends_with("\nnetwork: { config: disabled }\n"), "{config}");
    assert!(policy.ends_with("notfound=enabled\n"), "{policy}");
}

/// ds-identify takes one that is alone for found, and cloud-init would fail without it.
#[test]
fn one_datasource_alone_may_be_missing() {
    let [config, _] = files("[cloud-init]\ndatasources = [\"NoCloud\"]\n");
    assert!(config.contains("\ndatasource_list: [ NoCloud, None ]\n"), "{config}");
    let [config, _] = files("[cloud-init]\ndatasources = [\"None\"]\n");
    assert!(config.contains("\ndatasource_list: [ None ]\n"), "{config}");
}

#[test]
fn what_cloud_init_cannot_do_here_is_said() {
    let some = "[cloud-init]\ndatasources = [\"nocloud\", \"EC2\", \"Lunar\"]\n";
    assert_eq!(
        wrong("systemd", some, built),
        [
            "cloud-init has no datasource `nocloud`: did you mean `NoCloud`?",
            "cloud-init has no datasource `EC2`: did you mean `Ec2`?",
            "cloud-init has no datasource `Lunar`: this version has `Ec2`, `NoCloud`, `None`",
        ]
    );
    let empty = |profile: &Profile| run(profile, &[], &Pack::default()).map(|(assembly, _)| assembly);
    assert_eq!(
        wrong("systemd", some, empty),
        ["`systemd` cannot start cloud-init, which no package brings: add `cloud-init` to `packages.include`"]
    );
    for init in ["openrc", "busybox"] {
        let said = wrong(init, some, built);
        assert!(
            said[0].starts_with(&format!("`{init}` cannot start cloud-init: leave `[cloud-init]` out")),
            "{said:?}"
        );
        assert_eq!(said.len(), 1, "{said:?}");
    }
}
