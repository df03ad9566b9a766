#!/bin/sh
# The first program of the shell's image: a session on each console that the kernel's command line names. busybox poweroff, halt and reboot
# send pid 1 the signals caught here, and so does the end of a session.
export PATH=/bin HOME=/root
trap 'exec poweroff -f' USR2
trap 'exec halt -f' USR1
trap 'exec reboot -f' TERM
mount -t proc proc /proc
[ -c /dev/null ] || mount -t devtmpfs dev /dev
mkdir -p /dev/pts && mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
echo perigee >/proc/sys/kernel/hostname
consoles=
read -r words </proc/cmdline
for word in $words; do
	case $word in
	--) break ;;
	console=tty0*) consoles="$consoles tty1" ;;
	console=tty*) word=${word#console=}; consoles="$consoles ${word%%,*}" ;;
	esac
done
# The first setsid makes the second one a group's leader, so that it forks; a shell's own & would leave SIGINT ignored in the session.
for tty in ${consoles:-console}; do
	setsid setsid session "$tty"
done
# Waiting reaps orphans, and signals end it.
while :; do
	sleep 100000 &
	wait $!
done
