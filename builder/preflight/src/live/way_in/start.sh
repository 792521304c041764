# In the system's own root, by its own shell: makes the probe what this init calls a service, so that it gets what services get.
cd /
folder=/run/rootsmith-probe
if [ -d /run/systemd/system ]; then
    cp "$folder"/*.service /run/systemd/system/
    systemctl daemon-reload
    systemctl start --no-block rootsmith-probe.service && exit
fi
if [ -d /run/openrc ] && command -v openrc-run >/dev/null; then
    service=$folder/rootsmith-probe
    {
        echo 'start() {'
        echo "/bin/sh $folder/probe </dev/null >/dev/null 2>&1 &"
        echo '}'
    } >"$service"
    # Nothing can be executed in /run where it is mounted `noexec`.
    openrc-run "$service" start </dev/null >/dev/null 2>&1 && exit
fi
exec /bin/sh "$folder/probe" </dev/null >/dev/null 2>&1
