#!/bin/sh
# The first program of the shell's image: a shell on each console that the kernel's command line names; when one of them ends, the
# machine is turned off. busybox poweroff, halt and reboot send pid 1 the signals caught here.
export PATH=/bin HOME=/root
trap 'exec poweroff -f' USR2
trap 'exec halt -f' USR1
trap 'exec reboot -f' TERM
mount -t proc proc /proc
[ -c /dev/null ] || mount -t devtmpfs dev /dev
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
for tty in ${consoles:-console}; do
	setsid session "$tty" &
done
wait -n
poweroff -f
