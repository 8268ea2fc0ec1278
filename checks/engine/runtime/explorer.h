// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is kept of a search.
 */
#pragma once

#include "fields.h"
#include "orbits.h"

struct entry {
	uint32_t value, number; /* plus 1 */
};

/* The values that a leaf took, by number, and where its number is in a key. */
struct dictionary {
	uint32_t *value;
	struct entry *table;   /* by hash */
	uint32_t values, room; /* `room` is of the table; there is half of it for values */
	unsigned shift, word, bit, width;
};

#define ENTRY_BYTES (sizeof(struct entry) + sizeof(uint32_t) / 2)

/* The numbers plus 1 of some states, and a part of the hash of each, which is not 0. */
#define SLOTS 12
#define ALL_SLOTS 0xfffu
struct bucket {
	uint8_t tag[16];
	uint32_t number[SLOTS];
};

struct successor {
	uint32_t parent;
	W watch, hash;         /* which checks to judge; the hash of the key */
	W key[KEY_WORDS];
};

struct violation {
	uint32_t seen, state, depth, at_step;
};

struct explorer {
	const struct system *system;
	W max_states, max_bytes;

	/* states in the order in which they were found: keys and parents */
	W *queue;
	uint32_t *parent;
	W queue_bytes, parent_bytes; /* how much they may take */
	W states, queue_room;
	unsigned words;        /* of a key */
	/* their numbers, by hash */
	struct bucket *table;
	W buckets;
	struct dictionary leaf[LEAVES];
	uint16_t order[LEAVES + 1]; /* leaves that are in the key, by word; then END */
	uint16_t part[KEY_WORDS + 1]; /* where those of a word begin */
	W leaf_bytes;

	const struct orbits *orbits; /* or NULL */
	/* the search */
	W done, level_end, in_level, transitions, levels;
	W watch;               /* the checks that what is carried out may change */
	int status, moved, stopped, ran_out;
	unsigned char **fired, *firing;
	const unsigned char *software; /* by number: whether it is progress; NULL for a thread */
	const unsigned *invariant; /* by number in the text that is carried out */
	struct violation *violation;
	/* successors that are not yet looked up, those before `mark` of earlier steps */
	struct successor *successor;
	unsigned successors, successor_room, mark;
	/* the state that is expanded, and one to change */
	W key[KEY_WORDS];
	W state[WORDS], changed[WORDS];
};

/* Words of a key: a constant where states are keys. */
static inline unsigned words_of(const struct explorer *x)
{
	return WORDS <= RAW_WORDS ? WORDS : x->words;
}
