/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opens of files below /etc/pam.d that a rule is about, at a pace.
 *
 *   opens NAMES RATE SECONDS    RATE 0: as fast as possible; prints the opens and the seconds
 *
 * The files are NAMES links to one empty file, in a file system in memory that only this process
 * sees. Their names have no digits: a deduplication that leaves numbers out finds them different.
 * It says "ready" when they are there, and begins with the first byte on its standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define PLACE "/etc/pam.d"
#define NAME_LEN 8

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void write_name(char name[NAME_LEN + 1], unsigned long number)
{
	int i;

	for (i = 0; i < NAME_LEN; i++, number >>= 4)
		name[i] = 'a' + (number & 15);
	name[NAME_LEN] = 0;
}

static void make_files(unsigned long names)
{
	char first[NAME_LEN + 1], name[NAME_LEN + 1];
	unsigned long i;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", PLACE, "tmpfs", 0, "nr_inodes=0") || chdir(PLACE))
		die(PLACE);
	write_name(first, 0);
	if (close(open(first, O_CREAT | O_WRONLY, 0600)))
		die("open");
	for (i = 1; i < names; i++) {
		write_name(name, i);
		if (link(first, name))
			die("link");
	}
}

static void open_one(unsigned long number)
{
	char path[sizeof(PLACE) + 1 + NAME_LEN + 1] = PLACE "/";
	int fd;

	write_name(path + sizeof(PLACE), number);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		die("open");
	close(fd);
}

int main(int argc, char **argv)
{
	struct timespec nap = { .tv_nsec = 500000 };
	unsigned long names, done = 0;
	double rate, seconds, began;
	char byte;

	if (argc != 4)
		return fprintf(stderr, "usage: opens NAMES RATE SECONDS\n"), 2;
	names = strtoul(argv[1], NULL, 10);
	rate = atof(argv[2]);
	seconds = atof(argv[3]);
	make_files(names);
	puts("ready");
	fflush(stdout);
	if (read(0, &byte, 1) != 1)
		die("read");
	began = now();
	for (;;) {
		double passed = now() - began;
		unsigned long due = rate ? (passed < seconds ? passed : seconds) * rate : done + 1000;

		for (; done < due; done++)
			open_one(done % names);
		if (passed >= seconds)
			break;
		if (rate)
			nanosleep(&nap, NULL);
	}
	printf("%lu %.3f\n", done, now() - began);
	return 0;
}
