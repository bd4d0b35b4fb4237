#!/bin/sh
# Installs, upgrades and purges a Debian package of Clawback in a throw-away view of this machine, as root:
#
#   installation.sh FOLDER OLD.deb NEW.deb PORT
#
# FOLDER has imap.password and authority.pem of a mail server that listens on localhost at PORT (TLS), with the user
# `admin` who may act as u0001@acme.test. The view is a namespace with an overlay over `/` whose upper layer is in memory:
# nothing of this machine changes, and all is gone when the script ends.
# It prints what was measured, one `name: value` a line, and stops at the first step that fails.
set -eu

say() { echo "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# Outside: the namespace. Inside of it: the view. Inside of that: the steps.
case "${STEP:-outside}" in
outside)
    [ "$(id -u)" = 0 ] || fail "only root can mount the view, and only root can install: run this as root"
    exec unshare --mount --propagation private env STEP=view sh "$0" "$@"
    ;;
view)
    folder=$(realpath "$1") old=$(realpath "$2") new=$(realpath "$3") port=$4
    view=$folder/view
    mkdir -p "$view"
    mount -t tmpfs -o mode=0755 tmpfs "$view"
    mkdir "$view/upper" "$view/work" "$view/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$view/upper,workdir=$view/work" "$view/root"
    for name in proc sys dev; do mount --rbind "/$name" "$view/root/$name"; done
    for name in run tmp; do mount -t tmpfs -o mode=1777 tmpfs "$view/root/$name"; done
    mkdir "$view/root/tmp/given"
    cp "$folder/imap.password" "$folder/authority.pem" "$0" "$view/root/tmp/given/"
    for package in "$old" "$new"; do
        touch "$view/root/tmp/given/$(basename "$package")"
        mount --bind "$package" "$view/root/tmp/given/$(basename "$package")"
    done
    STEP=inside chroot "$view/root" sh "/tmp/given/$(basename "$0")" \
        "/tmp/given/$(basename "$old")" "/tmp/given/$(basename "$new")" "$port"
    # What the upper layer still has is what a purge leaves; a removed file is a character device there.
    left=$(find "$view/upper" -iname '*clawback*' ! -type c)
    [ -z "$left" ] || fail "after the purge there is still: $left"
    exit
    ;;
esac

old=$1 new=$2 port=$3
as_service() { runuser -u clawback -- "$@"; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
units="/usr/lib/systemd/system/clawback-serve.service /usr/lib/systemd/system/clawback-worker.service"
state=/var/lib/clawback

# --- A machine that never had it -------------------------------------------------------------------------------------
! getent passwd clawback >/dev/null || fail "this machine has a user clawback"
! [ -e /usr/bin/clawback ] || fail "this machine has /usr/bin/clawback"
# Nothing runs systemd in here: what the package asks of it is written down.
rm -f /usr/bin/systemctl
printf '#!/bin/sh\necho "$*" >>/tmp/asked\n' >/usr/bin/systemctl
chmod 755 /usr/bin/systemctl

# --- From the package to the first dry run ---------------------------------------------------------------------------
begin=$(milliseconds)
dpkg --install "$old" >/tmp/dpkg 2>&1 || fail "$(cat /tmp/dpkg)"
installed=$(milliseconds)
as_service clawback init /etc/clawback --state "$state" >/dev/null 2>&1
as_service sh -c 'umask 077; cat >/etc/clawback/imap.password' </tmp/given/imap.password
as_service sh -c 'cat >/etc/clawback/authority.pem' </tmp/given/authority.pem
as_service sh -c 'cat >>/etc/clawback/clawback.toml' <<END
[stores.corp]
connector = "imap"
server = { host = "localhost", port = $port, ca-file = "authority.pem", allow-private-network = true }
auth = { kind = "plain", user = "admin", password-file = "imap.password" }
mailboxes = ["u0001@acme.test"]
END
as_service clawback connectors check >/dev/null
plan=$(as_service clawback plan purge-phish-campaign -i sender=payroll@evil.example -i subject="salary statement" \
    --dry-run --format json)
end=$(milliseconds)
say "milliseconds-to-install: $((installed - begin))"
say "milliseconds-to-first-dry-run: $((end - begin))"
say "plan: $(echo "$plan" | tr -d '\n')"
say "version: $(clawback --version)"
say "size-of-program: $(stat -c %s /usr/bin/clawback)"

# --- What is installed -----------------------------------------------------------------------------------------------
! [ -e /tmp/asked ] || fail "the package asked systemd, which is not there: $(cat /tmp/asked)"
dpkg --verify clawback
[ "$(stat -c %U:%a /etc/clawback $state | tr '\n' ' ')" = "clawback:750 clawback:700 " ] || fail "owners and modes"
[ "$(getent passwd clawback | cut -d: -f6,7)" = "$state:/usr/sbin/nologin" ] || fail "$(getent passwd clawback)"
for name in clawback.db site.key admin.token cache; do [ -e "$state/$name" ] || fail "there is no $state/$name"; done
for page in clawback clawback-serve clawback-worker; do [ -f "/usr/share/man/man1/$page.1.gz" ] || fail "$page(1)"; done
bash -n /usr/share/bash-completion/completions/clawback

# --- The units -------------------------------------------------------------------------------------------------------
# shellcheck disable=SC2086
said=$(systemd-analyze verify --man=no $units 2>&1) || fail "$said"
[ -z "$said" ] || fail "$said"
mkdir -p /etc/systemd/system/clawback-serve.service.d
cp /usr/share/doc/clawback/examples/maildir.conf /etc/systemd/system/clawback-serve.service.d/
said=$(systemd-analyze verify --man=no clawback-serve.service 2>&1) || fail "with maildir.conf: $said"
[ -z "$said" ] || fail "with maildir.conf: $said"
rm -r /etc/systemd/system/clawback-serve.service.d
for unit in $units; do
    # 0 is no exposure and 100 is the most.
    systemd-analyze security --offline=yes --threshold=13 "$unit" >/tmp/security || fail "$(cat /tmp/security)"
    say "exposure-of-$(basename "$unit"): $(sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p' /tmp/security)"
done
# As the unit says (ProtectSystem=strict): the service writes nowhere but to its state.
unshare --mount sh -ec "
    mount --bind $state $state
    mount -o remount,bind,ro /
    ! touch /etc/clawback/x 2>/dev/null
    runuser -u clawback -- clawback --config /etc/clawback worker --once
"

# --- An upgrade ------------------------------------------------------------------------------------------------------
before=$(cat /etc/clawback/* 2>/dev/null | sha256sum; as_service clawback verify --format json)
mkdir /run/systemd/system
dpkg --install "$new" >/tmp/dpkg 2>&1 || fail "$(cat /tmp/dpkg)"
say "upgraded-to: $(dpkg-query --show --showformat='${Version}' clawback)"
after=$(cat /etc/clawback/* 2>/dev/null | sha256sum; as_service clawback verify --format json)
[ "$before" = "$after" ] || fail "the upgrade changed the site: $before, then $after"
say "asked-by-the-upgrade: $(tr '\n' ';' </tmp/asked)"

# --- Removed: the site is as before -----------------------------------------------------------------------------------
: >/tmp/asked
cp /usr/bin/clawback /tmp/clawback
cp /var/lib/dpkg/info/clawback.postrm /tmp/postrm
dpkg --remove clawback >/tmp/dpkg 2>&1 || fail "$(cat /tmp/dpkg)"
say "asked-by-the-removal: $(tr '\n' ';' </tmp/asked)"
[ "$after" = "$(cat /etc/clawback/* 2>/dev/null | sha256sum; as_service /tmp/clawback verify --format json)" ] ||
    fail "the removal changed the site"

# --- Purged: the history stays until the administrator removes it ----------------------------------------------------
dpkg --purge clawback >/tmp/dpkg 2>&1 || fail "$(cat /tmp/dpkg)"
grep -q "the history stays" /tmp/dpkg || fail "the purge does not say what stays: $(cat /tmp/dpkg)"
! [ -e /etc/clawback ] || fail "the purge left /etc/clawback"
[ "$(cd $state && echo *)" = "admin.token clawback.db site.key" ] || fail "the purge left $(ls $state)"
getent passwd clawback >/dev/null || fail "the history has no owner"
rm -r "$state"

# A site that was made in /etc/clawback alone, and one that was never made.
install --directory --owner=clawback /etc/clawback
as_service /tmp/clawback init /etc/clawback >/dev/null 2>&1
sh /tmp/postrm purge 2>/dev/null
[ -f /etc/clawback/clawback.db ] || fail "the purge took a history"
rm -r /etc/clawback
sh /tmp/postrm purge
! getent passwd clawback >/dev/null || fail "the purge left the user"
