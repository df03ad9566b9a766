#!/bin/sh
# SPDX-License-Identifier: MIT
# A long script that uses what a POSIX shell has. test_script.py runs it on Perigee and on the host, with the same busybox: what it prints
# must be the same, so that it prints nothing of its own machine (numbers of processes, times).
set -u
LC_ALL=C export LC_ALL
here=${1:-/tmp}/long.work
rm -rf "$here"
mkdir -p "$here" || exit 2
cd "$here" || exit 2

section() {
	count=$((${count:-0} + 1))
	printf '== %d: %s ==\n' "$count" "$*"
}

fail() {
	echo "FAILED: $*"
	status=1
}

status=0

section pipes
seq 1 1000 | grep 7 | sed 's/7/seven/g' | sort -r | head -n 4
echo a b c d e | tr ' ' '\n' | while read -r letter; do printf '<%s>' "$letter"; done
echo
yes long line of text | head -n 5000 | wc -lc | tr -s ' '
{ echo out; echo err >&2; } 2>&1 | sort
false | true && echo 'the last decides'
! true | false && echo negated
mkfifo pipe
(for i in 1 2 3; do echo "through the fifo $i"; done >pipe) &
while read -r line; do echo "got: $line"; done <pipe
wait

section here-documents
name=world
cat <<END
hello $name, $((6 * 7)) and $(echo nested | tr a-z A-Z)
	a tab stays
END
cat <<'END'
nothing $name is $(expanded)
END
cat <<-END | sed 's/^/| /'
	tabs are cut
		all of them
	END
while read -r first rest; do
	echo "$rest, $first"
done <<END
one two three
four five six
END
cat <<A; cat <<B
first
A
second
B

section functions
factorial() {
	if [ "$1" -le 1 ]; then
		echo 1
	else
		echo $(($1 * $(factorial $(($1 - 1)))))
	fi
}
factorial 10
scoped() {
	local inner=changed
	outer=$inner
	return 5
}
inner=kept outer=
scoped
echo "$? $inner $outer"
args() {
	echo "$# words, first <${1-}>, last <$(eval echo "\${$#}")>, all <$*>"
	shift 2
	for word; do printf '[%s]' "$word"; done
	echo
}
args 'a b' c '' "d e"

section traps
trap 'echo "USR1 came"' USR1
kill -USR1 $$
kill -USR1 $$
trap - USR1
(trap 'echo "leaving the subshell"' EXIT; exit 3)
echo "status $?"
sh -c 'trap "echo asked to end; exit 9" TERM; kill -TERM $$; echo not reached'
echo "status $?"
sh -c 'kill -KILL $$'
echo "status $?"
(trap '' INT; sh -c 'kill -INT $$; echo ignored signals are inherited')
sleep 100 &
kill $!
wait $! 2>/dev/null	# "Terminated" is said, or is not, as it ends before the shell asks or after it
echo "status $?"

section arithmetic
i=0 sum=0
while [ $i -lt 2000 ]; do
	i=$((i + 1))
	[ $((i % 3)) -eq 0 ] || [ $((i % 5)) -eq 0 ] || continue
	sum=$((sum + i))
done
echo $sum $((1 << 40)) $((0x7f ^ 0x55)) $((-7 / 2)) $((-7 % 3)) $((7 > 3 && 2 > 1 ? 11 : 22))
n=27 steps=0
until [ $n -eq 1 ]; do
	if [ $((n & 1)) -eq 1 ]; then n=$((3 * n + 1)); else n=$((n / 2)); fi
	steps=$((steps + 1))
done
echo "27 falls in $steps steps"
awk 'BEGIN { for (i = 1; i <= 5; i++) printf "%.6f ", i / 7; print length("five") }' 2>/dev/null
echo '2 100 ^ p' | dc

section words counted
words='the cat and the dog and the bird'
for word in $words; do echo "$word"; done | sort | uniq -c | sort -k1,1nr -k2 | while read -r n word; do
	echo "$word: $n"
done
echo "$words" | awk '{ for (i = NF; i > 0; i--) printf "%s ", $i; print "" }'
echo "$words" | cut -d' ' -f2,5 | rev | od -An -c | tr -s ' '
printf '%s\n' b a c | tee copy | sort >sorted; paste sorted copy; rm sorted copy
printf '%05d|%-6s|%x|%c\n' 42 left 255 char

section choices
kind() {
	case $1 in
	'') echo empty ;;
	[0-9] | [0-9][0-9]) echo number ;;
	*.tar.gz | *.tgz) echo archive ;;
	-*) echo option ;;
	*' '*) echo 'has a space' ;;
	*) echo word ;;
	esac
}
for thing in '' 7 42 123 x.tgz --help 'a b' plain; do printf '%s=' "$thing"; kind "$thing"; done
if [ -d . ] && [ ! -e none ] && [ "$name" = world ]; then echo true; elif false; then echo no; else echo wrong; fi

section loops
for i in 1 2 3; do
	for j in a b c; do
		[ $j = c ] && continue 2
		[ $i = 3 ] && break 2
		printf '%s%s ' $i $j
	done
done
echo
for file in *; do [ -e "$file" ] && echo "file $file"; done
i=10; while :; do i=$((i - 3)); [ $i -lt 0 ] && break; printf '%d ' $i; done; echo

for i in $(seq 5 -2 1); do printf '%s.' "$i"; done; echo
select_all() { for each in "$@"; do case $each in skip*) continue ;; stop) return 4 ;; esac; echo "took $each"; done; }
select_all one skipped two stop three; echo $?

section expansion
path=/usr/share/doc/file.tar.gz unset_one=
echo "${path##*/} ${path%/*} ${path%%.*} ${path#*.} ${#path}"
echo "${nothing-default} ${unset_one:-empty} ${unset_one-set} ${name:+is set} ${nothing:=assigned} $nothing"
text='one:two::three'
IFS=:; set -- $text; unset IFS
echo "$# <$1> <$3> <$4>"
echo "$(echo "quoted  'inside'  \"twice\"")" `echo old \`echo style\``
touch b.txt a.txt c.dat; echo *.txt [!ab]*.dat '*.txt' {x,y}; rm ./*.txt c.dat

section redirections
echo one >f; echo two >>f; cat <f
exec 3>g 4<f; echo to three >&3; read -r line <&4; read -r line2 <&4; exec 3>&- 4<&-
echo "$line $line2 $(cat g)"
ls /nowhere 2>/dev/null || echo "no such folder"
{ echo first; echo second >&2; } >o 2>e; cat e o
set -C; (echo x >f) 2>/dev/null || echo "not overwritten"; set +C
: >empty; [ -s empty ] || echo "empty is empty"
dd if=/dev/zero bs=1024 count=300 2>/dev/null | wc -c
printf 'no newline' | { read -r line; echo "$? $line"; }

section files
mkdir -p a/b/c; for f in a/1 a/b/2 a/b/c/3; do echo "$f" >$f; done
find a -type f | sort | xargs cat
ln -s b/c a/link; ln a/1 a/hard; stat -c '%n %h %s %F' a/1 a/link
cat a/link/3; readlink a/link; (cd a/link && pwd -P | sed "s,.*/long.work,,")
tar cf - a | tar tf - | sort | tail -n 3
cp -a a z; mv z y; diff -r a y && echo same; echo more >>y/b/2; diff -r a y
chmod 751 f; umask 027; : >masked; stat -c '%a' f masked | tr '\n' ' '; echo
gzip -c f | gunzip | md5sum; rm -r a y

section subshells and jobs
value=outside; (value=inside; cd /; echo $value); echo $value "$(pwd | sed 's,.*/,,')"
for i in 5 3 1 4 2; do (echo "job $i" >job.$i; exit $i) & jobs_list="${jobs_list-} $!"; done
for job in $jobs_list; do wait "$job"; printf '%d ' $?; done; echo; cat job.*
result=$(for i in 1 2 3; do echo $i; done | (total=0; while read -r x; do total=$((total + x)); done; echo $total)); echo $result
[ "$(echo a | (cat; echo b) | (cat; echo c) | tr -d '\n')" = abc ] || fail nesting
i=0; while [ $i -lt 60 ]; do i=$((i + 1)); x=$(echo $i); [ "$x" = $i ] || fail substitution; done; echo "$i substitutions"
env -i A=1 B=2 sh -c 'echo "$A$B${HOME-none}"'; (exec sh -c 'exit 77'); echo $?
eval 'for w in 1 2; do eval "v$w=\$w"; done'; echo $v1$v2; getopts ab: opt -b value; echo "$opt $OPTARG"
trap 'cd /; rm -rf "$here"; echo "end with $status"' EXIT
exit $status
