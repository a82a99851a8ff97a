/* Writes into a file through a shared mapping all the time, and checks what it wrote.
 * usage: mapwriter FILE
 *
 * The file is an array of counters. Round by round each becomes the round's number, one after
 * another, so that at every moment the first ones are one ahead of the others. The process keeps
 * in its own memory how far it is: a file of another moment shows at once, and ends it with 3.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { COUNTERS = 1 << 17 };

int main(int argc, char **argv)
{
	const size_t size = COUNTERS * sizeof(uint64_t);
	int file = argc == 2 ? open(argv[1], O_RDWR | O_CREAT, 0644) : -1;
	if (file < 0 || ftruncate(file, size)) {
		perror("mapwriter");
		return 1;
	}
	volatile uint64_t *counters = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (counters == MAP_FAILED) {
		perror("mapwriter");
		return 1;
	}
	for (uint64_t round = 1;; round++) {
		for (size_t i = 0; i < COUNTERS; i++) {
			if (counters[i] != round - 1 || (i && counters[i - 1] != round)) {
				fprintf(stderr, "counter %zu is of another moment\n", i);
				return 3;
			}
			counters[i] = round;
		}
		/* Busy, and yet leaving the machine to others now and then. */
		if (round % 16 == 0)
			usleep(1000);
	}
}
