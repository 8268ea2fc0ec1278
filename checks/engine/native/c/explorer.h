// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is kept of a search.
 */
#pragma once

#include "effects.h"
#include "orbits.h"

#define RAW_WORDS 2            /* what changes in no more words is its own key */
#define LAST 0xffff            /* ends a list */

/* Bits of a word of the state that change, and that have a number in the key. */
struct leaf {
	uint32_t word, bit, width;
};

/* A thread, or the rules: what they do, and where the program counter is. */
struct unit {
	struct code *code;
	uint32_t pc, pc_width;
	V end;
	const W *watch;        /* by operation: the checks of states that it may change */
	const uint32_t *invariant; /* by number in the code */
	uint8_t *fired;        /* by operation */
};

struct judge {
	struct code *code;
	uint32_t invariant;
};

/* A system, as it is given; all of it stays with the caller. */
struct system {
	uint32_t state_words, threads, rules, checks, finals, leaves, invariants;
	const struct unit *unit; /* threads, and after them rules, if there are any */
	const struct judge *judge; /* checks, and after them finals */
	const struct leaf *leaf; /* in the order of the bits */
	const struct orbits *orbits; /* or NULL */
};

struct entry {
	uint32_t value, number; /* plus 1 */
};

/* The values that a leaf took, by number, and where its number is in a key. */
struct dictionary {
	struct leaf leaf;
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
	W key[];
};

struct violation {
	uint32_t seen, state, depth, at_step;
};

struct explorer {
	const struct system *system;
	W max_states, max_bytes, most_remembered;
	uint32_t number;       /* of the search */

	/* states in the order in which they were found: keys and parents */
	W *queue;
	uint32_t *parent;
	W queue_bytes, parent_bytes; /* how much they may take */
	W states, queue_room;
	unsigned words, most_words; /* of a key */
	/* their numbers, by hash */
	struct bucket *table;
	W buckets;
	int raw;               /* keys are the words that change, by `first_leaf` */
	struct dictionary *leaf;
	uint32_t *first_leaf;  /* by word of the state: its first leaf, or the next one */
	uint16_t *order;       /* leaves that are in the key, by word; then LAST */
	uint16_t *part;        /* where those of a word begin */
	W leaf_bytes;

	/* the search */
	W done, level_end, in_level, transitions, levels;
	int status, ran_out;
	uint32_t wanted_unit, wanted_place;
	struct violation *violation;
	/* successors that are not yet looked up */
	W *successor, successor_words;
	unsigned successors, successor_room;
	struct evaluation evaluation;
	/* the state that is expanded, and one to change */
	W *key, *state, *changed;
	W *spare_key, *spare_state, *footprint;
};

static inline struct successor *successor_at(const struct explorer *x, unsigned i)
{
	return (struct successor *)(x->successor + i * x->successor_words);
}
