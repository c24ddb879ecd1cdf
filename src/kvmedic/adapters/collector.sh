#!/bin/sh
# kvmedic collector @VERSION@. Reads a KVM host and writes what it read as a tar on standard output,
# in the layout of a sosreport, for "kvmedic check FILE" on another machine.
#
#   sh collector.sh [--deep] [--logs] [--interval SECONDS] [DIRECTORY] > host.tar
#
# It changes nothing on the host. It reads only what the lists below name, cuts secrets out before they are
# stored, and writes to a private folder that it removes at the end (or to DIRECTORY, which it keeps).
# Root sees most; without root, what may not be read is named as a gap in kvmedic/manifest.json.

# ---- What is read: patterns below the root of the host --------------------------------------------------
HOST='@HOST@'
AGAIN='@AGAIN@'
DEEP='@DEEP@'
PROCESS='@PROCESS@'
PROCESS_AGAIN='@PROCESS_AGAIN@'
CGROUP='@CGROUP@'
CGROUP_AGAIN='@CGROUP_AGAIN@'
LOGS='@LOGS@'
JOURNAL='@JOURNAL@'
DAEMONS='@DAEMONS@'
XML_ELEMENTS='@XML_ELEMENTS@'
XML_ATTRIBUTES='@XML_ATTRIBUTES@'
QEMU_OPTIONS='@QEMU_OPTIONS@'
QEMU_KEYS='@QEMU_KEYS@'

# ---- Options and manners --------------------------------------------------------------------------------
set -u
umask 077
LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH
deep=false logs=false interval=2 keep=
while [ $# -gt 0 ]; do
    case $1 in
    --deep) deep=true ;;
    --logs) logs=true ;;
    --interval) interval=$2; shift ;;
    -*) echo "collector: unknown option $1" >&2; exit 2 ;;
    *) keep=$1 ;;
    esac
    shift
done
case $interval in '' | *[!0-9.]*) echo "collector: --interval takes seconds" >&2; exit 2 ;; esac
if [ -z "$keep" ] && [ -t 1 ]; then
    echo "collector: send the output to a file, or name a directory" >&2
    exit 2
fi
(echo 1000 > /proc/$$/oom_score_adj) 2> /dev/null         # be the first to be killed,
renice -n 10 -p $$ > /dev/null 2>&1                       # the last to be scheduled,
command -v ionice > /dev/null && ionice -c 3 -p $$ 2> /dev/null   # and only on an idle disk
root=${KVMEDIC_ROOT:-}
for place in /run /dev/shm "${TMPDIR:-/tmp}"; do
    work=$(mktemp -d "$place/kvmedic.XXXXXX" 2> /dev/null) && break
done
[ -n "$work" ] || { echo "collector: no place for a temporary folder" >&2; exit 1; }
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
out=${keep:-$work/out}
mkdir -p "$out/kvmedic/process" "$work/done" || exit 1
out=$(cd "$out" && pwd)
cd "$work" || exit 1         # where no pattern below matches anything before it is meant to

# ---- How a file is read ---------------------------------------------------------------------------------
escaped() { printf '%s' "$1" | tr -d '\000-\037' | sed 's/[\\"]/\\&/g'; }
gap() { # PATH REASON DETAIL READING
    printf '%s{"source":"%s","reason":"%s","detail":"%s","reading":"%s"}' "$comma" "$(escaped "$1")" \
        "$2" "$3" "${4:-first}" >> "$work/gaps"
    comma=,
}
comma=
reading=first prefix=
copy() { # PATTERN...: each a file of the host, or several
    for pattern; do for path in $root/$pattern; do
        if [ -f "$path" ]; then store "$path"
        else case $pattern in *\**) ;; *) gap "$pattern" not-found "no such file" $reading ;; esac; fi
    done; done
}
copy_some() { # DIRECTORY NAME...: those that exist, as each kernel has only some
    place=$1
    shift
    names=$*
    set --
    for name in $names; do [ -f "$place/$name" ] && set -- "$@" "$place/$name"; done
    [ $# -eq 0 ] || store "$@"
}
store() { # FILE...: all of one directory, with one cp, because reading must not cost the host much
    directory=${1%/*}
    to=$out/$prefix${directory#"$root"/}
    [ -d "$to" ] || mkdir -p "$to"
    cp "$@" "$to/" 2> /dev/null && return 0
    for file; do
        [ -s "$to/${file##*/}" ] && continue
        rm -f "$to/${file##*/}"
        if [ -r "$file" ]; then why=not-understood; else why=denied; fi
        gap "${file#"$root"/}" $why "could not be read" $reading
    done
}
filtered() { # FILTER PATTERN...: files of which only a part may be kept
    filter=$1
    shift
    for pattern; do for path in $root/$pattern; do
        [ -f "$path" ] || continue
        [ -r "$path" ] || { gap "${path#"$root"/}" denied "permission denied"; continue; }
        to=$out/${path#"$root"/}
        mkdir -p "${to%/*}"
        $filter < "$path" > "$to" 2> /dev/null
    done; done
}
in_time() { # SECONDS COMMAND...
    if command -v timeout > /dev/null; then timeout "$@"; else shift; "$@"; fi
}

# ---- What is cut out ------------------------------------------------------------------------------------
safe_xml() { # libvirt writes one element a line; what is not in the lists is left out with all inside it
    awk -v elements="$XML_ELEMENTS" -v attributes="$XML_ATTRIBUTES" '
    BEGIN { n = split(elements, e, " "); for (i = 1; i <= n; i++) element[e[i]] = 1
            n = split(attributes, a, " "); for (i = 1; i <= n; i++) attribute[a[i]] = 1 }
    skip != "" { if (index($0, skip) == 1) skip = ""; next }
    !match($0, /^ *<\/?[A-Za-z][A-Za-z0-9_.:-]*/) { next }
    {   head = substr($0, 1, RLENGTH); rest = substr($0, RLENGTH + 1)
        name = head; sub(/^ *<\/?/, "", name); indent = head; sub(/<.*/, "", indent)
        if (head ~ /<\//) { if (name in element) print; if (name == "metadata") inside = 0; next }
        manager = inside && name ~ /:/; known = name in element && !inside
        is_open = rest !~ /\/>$/ && !index(rest, "</" name ">")
        if (is_open && !known) skip = indent "</" name ">"
        if (!known && !manager && name != "qemu:commandline") next
        kept = head; text = rest; sub(/^[^>]*>/, "", text)
        while (match(rest, /^ [A-Za-z_][A-Za-z0-9_:.-]*=("[^"]*"|\047[^\047]*\047)/)) {
            pair = substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1)
            key = pair; sub(/^ /, "", key); sub(/=.*/, "", key)
            if (key ~ /^xmlns:/ || (known && key in attribute && pair !~ /[@?]|:\/\//)) kept = kept pair }
        if (!known) print kept "/>"
        else if (is_open) { print kept ">"; if (name == "metadata") inside = 1 }
        else if (rest ~ /\/>$/) print kept "/>"
        else print kept ">" text }'
}
safe_parameters() { # of the kernel: a value whose parameter sounds like a secret is removed
    tr ' ' '\n' | sed '/[Pp]ass\|[Ss]ecret\|[Tt]oken\|[Cc]red\|[Kk]ey\|[Uu]ser\|[Aa]uth\|@/s/=.*/=(removed)/' | tr '\n' ' '
}
safe_mounts() { awk '$3 ~ /^(cgroup2?|hugetlbfs|tmpfs|zfs|debugfs|proc|sysfs|fuse)$/'; }
safe_options() { grep -E '^(# )?CONFIG_[A-Za-z0-9_]+(=([ymn]|-?[0-9]+|0x[0-9a-fA-F]+)| is not set)$'; }
safe_pve() { sed '/^\[/,$d' | grep -E '^(name|memory|balloon|shares|hugepages|keephugepages|numa|cores|sockets|vcpus|cpu|onboot|ostype|machine|agent|hotplug|lock|template|kvm|bios|hostpci[0-9]+): '; }
safe_audit() { grep -aE '^(node=[^ ]* )?type=(VIRT_CONTROL|VIRT_RESOURCE|SERVICE_START|SERVICE_STOP|ANOM_ABEND|1701) '; }
safe_cron() { # of a command, which may hold a secret, only its program; compressed logs are copied as they are
    sed -E -e 's,\) CMD \(.*run-parts .*(/etc/cron\.[a-z]+).*,) CMD (run-parts \1 ...),' -e t \
        -e 's,\) CMD \( *(/[A-Za-z0-9._/-]+)?.*,) CMD (\1 ...),'
}
first_processor() { sed '/^$/q'; }
nothing() { :; }
safe_arguments() { # of QEMU, NUL-separated: a JSON list of the options and keys that are known to be safe
    tr '\000\n' '\n ' | awk -v options="$QEMU_OPTIONS" -v keys="$QEMU_KEYS" '
    function flat(json,  i, c, s, quoted, deep) { # {"a":"b,c","d":[0,1]} as a:b\001c,d:0\0021
        for (i = 2; i < length(json); i++) {
            c = substr(json, i, 1)
            if (c == "\\") { i++; c = "?" } else if (c == "\"") { quoted = !quoted; c = "" }
            else if (c == ",") c = quoted ? "\001" : deep ? "\002" : c
            else if (!quoted && c ~ /[][{} ]/) { deep += (c == "[") - (c == "]"); c = "" }
            s = s c }
        return s }
    BEGIN { n = split(options, o, " "); for (i = 1; i <= n; i++) option[o[i]] = 1
            n = split(keys, k, " "); for (i = 1; i <= n; i++) allowed[k[i]] = 1 }
    NR == 1 { sub(/.*\//, ""); gsub(/["\\[:cntrl:]]/, "?"); printf "[\"%s\"", $0; next }
    wanted != "" {
        is_json = /^\{/; if (is_json) $0 = flat($0); else gsub(/,,/, "\001")
        kept = ""; n = split($0, part, ",")
        for (i = 1; i <= n; i++) {
            if (is_json) sub(/:/, "=", part[i])
            key = part[i]; sub(/=.*/, "", key)
            gsub(/\002/, "," key "=", part[i])
            if ((i == 1 && part[i] !~ /=/) || key in allowed) kept = kept (kept == "" ? "" : ",") part[i] }
        safe = kept ~ /memory-backend-|-guest|virtio-balloon|vfio-|vhost-vdpa|pc-dimm|nvdimm|virtio-mem|virtio-pmem/
        gsub(/\001/, ",,", kept); gsub(/["\\[:cntrl:]]/, "?", kept)
        if (kept != "" && (safe || wanted !~ /^-(object|device|netdev)$/)) printf ",\"%s\",\"%s\"", wanted, kept
        wanted = ""; next }
    { sub(/^--/, "-") }
    /^-(S|enable-kvm|daemonize|mem-prealloc|no-shutdown|nodefaults)$/ { printf ",\"%s\"", $0; next }
    $0 in option { wanted = $0 }
    END { if (NR) print "]" }'
}

# ---- Counters first, then all other cheap files ----------------------------------------------------------
taken_at=$(date +%s)
read -r started _ < "$root/proc/uptime"
copy $AGAIN $HOST
$deep && copy $DEEP
filtered safe_xml 'run/libvirt/qemu/*.xml' 'etc/libvirt/qemu/*.xml'
filtered nothing 'etc/libvirt/qemu/autostart/*.xml'
filtered safe_parameters proc/cmdline
filtered safe_mounts proc/self/mounts
filtered first_processor proc/cpuinfo
filtered safe_options "boot/config-$(uname -r)"
getconf PAGESIZE > "$out/kvmedic/page_size" 2> /dev/null || rm -f "$out/kvmedic/page_size"

# ---- Processes: comm and stat cannot hang; a command line can, so it is read by somebody else -----------
hidden=true qemus="" pids="" kinds=$out/kvmedic/process/kinds sleepers=$out/kvmedic/process/d_state
: > "$kinds"; : > "$sleepers"; : > "$work/large"
look_at() { # DIRECTORY of a process or a thread: sets comm, state, flags and rss
    read -r comm < "$1/comm" && read -r stat < "$1/stat" || return 1
    set -- ${stat##*) }
    [ $# -gt 21 ] || return 1
    state=$1 flags=$7 rss=${22}
}
note_sleeper() { # DIRECTORY: where in the kernel it sleeps
    place=
    read -r place < "$1/wchan"
    case $place in '' | 0) place=- ;; esac
    echo "${1##*/} $comm $place" >> "$sleepers"
    task=${1##*/}
    mkdir -p "$out/kvmedic/process/$task"
    (head -c 8192 "$1/stack" > "$work/done/$task" && cp "$work/done/$task" "$out/kvmedic/process/$task/stack") > /dev/null 2>&1 &
}
for directory in "$root"/proc/[0-9]*; do
    look_at "$directory" 2> /dev/null || continue
    pid=${directory##*/}
    [ $((flags & 2097152)) -eq 0 ] || { hidden=false; [ "$state" != D ] || note_sleeper "$directory" 2> /dev/null; continue; }
    binary=
    [ "$rss" -lt 16384 ] || binary=$(readlink "$directory/exe")
    case $comm:${binary##*/} in
    qemu-system-*:* | qemu-kvm:* | kvm-spice:* | kvm:* | qemu:* | *:qemu-system-* | *:qemu-kvm* | *:kvm)
        qemus="$qemus $pid"; echo "$pid qemu" >> "$kinds"; pids="$pids $pid"
        for task in "$directory"/task/*; do
            look_at "$task" 2> /dev/null && [ "$state" = D ] && note_sleeper "$task" 2> /dev/null
        done
        continue ;;
    esac
    [ "$state" != D ] || note_sleeper "$directory" 2> /dev/null
    for daemon in $DAEMONS; do
        case $daemon in "$comm"*) [ "$comm" = "$daemon" ] || [ ${#comm} -eq 15 ] || continue
            echo "$pid daemon $daemon" >> "$kinds"; pids="$pids $pid"; continue 2 ;;
        esac
    done
    [ "$rss" -lt 16384 ] || echo "$rss $pid" >> "$work/large"
done
if $hidden; then # every host has kernel threads: who sees none does not see the host's processes
    gap kvmedic/process/others denied "only the processes of this container or user are visible here"
fi
for pid in $(sort -rn "$work/large" | head -n 20 | cut -d ' ' -f 2); do
    echo "$pid service" >> "$kinds"; pids="$pids $pid"
done
for pid in $pids; do
    [ -d "$root/proc/$pid" ] || continue
    copy_some "$root/proc/$pid" $PROCESS
    set -- "$root/proc/$pid/fd/"*
    mkdir -p "$out/kvmedic/process/$pid"
    if [ -L "$1" ]; then echo $# > "$out/kvmedic/process/$pid/open_files"
    else gap "kvmedic/process/$pid/open_files" denied "permission denied"; fi
done
for pid in $qemus; do # each in a process of its own that may be left behind, stuck in the kernel
    (safe_arguments < "$root/proc/$pid/cmdline" > "$work/done/$pid.arguments"
     mv "$work/done/$pid.arguments" "$out/kvmedic/process/$pid/arguments") > /dev/null 2>&1 &
done

# ---- The memory groups of QEMUs and their ancestors ------------------------------------------------------
groups() {
    mount=$(awk '$3 == "cgroup" && (","$4",") ~ /,memory,/ { print "1 " $2; exit }' "$root/proc/self/mounts")
    [ -n "$mount" ] || mount=$(awk '$3 == "cgroup2" { print "2 " $2; exit }' "$root/proc/self/mounts")
    for pid in $qemus; do
        while IFS=: read -r number controllers group; do
            case ${mount%% *}:$number:,$controllers, in 1:*,memory,* | 2:0:,,) ;; *) continue ;; esac
            case $group in *..*) continue ;; esac
            while [ -n "$group" ]; do echo "${mount#* }$group"; group=${group%/*}; done
        done < "$root/proc/$pid/cgroup"
    done
    echo "${mount#* }"
}
groups 2> /dev/null | sed 's,^/*,,; s,/*$,,' | sort -u > "$work/groups"
copy_groups() { # NAME...: of all groups
    while IFS= read -r group; do copy_some "$root/$group" "$@"; done < "$work/groups"
}
copy_groups $CGROUP

# ---- libvirt: few calls, each with a deadline, through its read-only socket ------------------------------
ask() { # FILE COMMAND...: what virsh prints; a daemon that was silent once is not asked again
    [ "$state" = answers ] && $asking || return 1
    file=$1; shift
    in_time 5 virsh -r -q "$@" > "$out/$file" 2> /dev/null < /dev/null && return 0
    [ $? -ne 124 ] || asking=false
    rm -f "$out/$file"
    gap "${file#"$prefix"}" timed-out "virsh $1 failed or did not answer" "$reading"
}
part() { awk -v n="$1" 'sub(/^kvmedic-cuts-here/, "") { n-- } n == 0 && $0 != ""' "$work/told"; }
state=absent asking=true version= virsh=sos_commands/virsh cut=kvmedic-cuts-here
mkdir -p "$out/kvmedic/libvirt" "$out/$virsh"
# A socket alone may belong to systemd, which would start the daemon for us: only a running one is asked.
if command -v virsh > /dev/null && [ -z "$root" ] && grep -q ' daemon \(libvirtd\|virtqemud\)$' "$kinds"; then
    in_time 5 virsh -r list --all > "$out/$virsh/virsh_-r_list_--all" 2> /dev/null < /dev/null
    case $? in 0) state=answers ;; 124) state=hung ;; *) state=silent ;; esac
    [ $state = answers ] || rm -f "$out/$virsh/virsh_-r_list_--all"
    ask "$virsh/virsh_-r_domstats" domstats --nowait || ask "$virsh/virsh_-r_domstats" domstats
    ask kvmedic/names list --all --name && while IFS= read -r name; do
        [ -n "$name" ] && $asking || continue
        file=$(printf %s "$name" | tr -c 'A-Za-z0-9._-' _)
        name=\"$(printf %s "$name" | sed 's/[\\"]/\\&/g')\" said=$out/$virsh/virsh_-r_
        in_time 5 virsh -r -q "dumpxml --domain $name; echo $cut; dumpxml --inactive --domain $name; echo $cut;
            dominfo --domain $name; echo $cut; domjobinfo --domain $name" > "$work/told" 2> /dev/null < /dev/null
        [ $? -ne 124 ] || { asking=false; gap "$virsh/virsh_-r_dumpxml_$file" timed-out "no answer of virsh"; }
        part 0 | safe_xml > "${said}dumpxml_$file"
        part 1 | safe_xml > "${said}dumpxml_--inactive_$file"
        part 2 > "${said}dominfo_$file"
        part 3 > "${said}domjobinfo_$file"
    done < "$out/kvmedic/names"
    # Last, and no sign of anything: for it the daemon may have to try every QEMU binary first.
    $asking && in_time 5 virsh -r version --daemon > "$work/version" 2> /dev/null < /dev/null
    version=$(sed -n 's/^Running against daemon: //p' "$work/version" 2> /dev/null)
    rm -f "$out/kvmedic/names"
    find "$out/$virsh" -type f -size 0 -exec rm -f {} +
fi
case $state in
answers) echo "answers ${version:-unknown} qemu:///system" ;;
hung) echo "hung virsh did not answer within 5 s" ;;
silent) echo "absent virsh reaches no libvirt daemon" ;;
*) echo "absent no virsh here, or no libvirt daemon runs" ;;
esac > "$out/kvmedic/libvirt/state"

# ---- What may never answer: a FUSE file system, and what was started in the background above -------------
(filtered safe_pve 'etc/pve/qemu-server/*.conf') > /dev/null 2>&1 &

# ---- Counters again --------------------------------------------------------------------------------------
read -r now _ < "$root/proc/uptime"
sleep "$(awk "BEGIN { left = $interval - ($now - $started); print (left < 0 ? 0 : left) }")"
reading=again prefix=kvmedic/again/
read -r now _ < "$root/proc/uptime"
copy $AGAIN
for pid in $qemus; do copy_some "$root/proc/$pid" $PROCESS_AGAIN; done
copy_groups $CGROUP_AGAIN
mkdir -p "$out/kvmedic/again/$virsh"
ask "kvmedic/again/$virsh/virsh_-r_domstats" domstats --balloon --nowait # the guests' own counters
for pid in $qemus; do
    [ -s "$out/kvmedic/process/$pid/arguments" ] ||
        gap "kvmedic/process/$pid/arguments" timed-out "its command line could not be read in time"
done

# ---- Logs, the newest 64 MiB of each ---------------------------------------------------------------------
if $logs; then
    for pattern in $LOGS; do for path in $root/$pattern; do
        if [ ! -f "$path" ] || [ ! -r "$path" ]; then continue; fi
        mkdir -p "$out/$(dirname "${path#"$root"/}")"
        case $path in
        */audit.log*) filter=safe_audit ;;
        */syslog* | */messages*) case $path in *.gz | *.xz | *.bz2 | *.zst) filter=cat ;; *) filter=safe_cron ;; esac ;;
        *) filter=cat ;;
        esac
        tail -c 67108864 "$path" 2> /dev/null | $filter > "$out/${path#"$root"/}"
    done; done
    mkdir -p "$out/kvmedic/logs"
    in_time 20 dmesg > "$out/kvmedic/logs/dmesg" 2> /dev/null
    # shellcheck disable=SC2086  # a list of matches
    in_time 60 journalctl -o short-iso --no-pager -q $JOURNAL 2> /dev/null |
        tail -c 67108864 | safe_cron > "$out/kvmedic/logs/journal"
    # What sysstat measured, the newest days, printed by its own tool
    if [ -z "$root" ] && command -v sadf > /dev/null; then
        for day in $(ls -t /var/log/sysstat/sa[0-9]* /var/log/sa/sa[0-9]* 2> /dev/null | head -n 10); do
            in_time 20 @SADF@ "$day" @SADF_ACTIVITIES@ > "$out/kvmedic/logs/sysstat-${day##*/}" 2> /dev/null
        done
        find "$out/kvmedic/logs" -name 'sysstat-*' -size 0 -exec rm -f {} +
    fi
fi

# ---- The manifest, and the tar ---------------------------------------------------------------------------
{
    printf '{"schema":"kvmedic/bundle/1","taken_at":%s,"interval_s":' "$taken_at"
    awk "BEGIN { printf \"%.2f\", $now - $started }"
    printf ',"tool_version":"@VERSION@ collector","deep":%s,"hostname":"%s","gaps":[' "$deep" "$(escaped "$(uname -n)")"
    cat "$work/gaps" 2> /dev/null
    printf ']}\n'
} > "$out/kvmedic/manifest.json"
[ -n "$keep" ] || tar -cf - -C "$out" .
