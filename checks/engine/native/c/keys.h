// SPDX-License-Identifier: GPL-2.0-only
/*
 * States as keys.
 *
 * The bits of a state that change are cut into leaves, most of which take few values: a leaf has a
 * dictionary of those that were met, and the key has the numbers of them, in as many bits as that
 * takes.  Where a number does not fit any more, all keys are made again with more room.  Where few
 * words change they are the key: to number values would take longer than what that saves.
 */
#pragma once

#include "store.h"

#define FIRST_BITS 3           /* of a leaf, before anything is known of it */

static unsigned bits_for(uint32_t values)
{
	unsigned bits = 0;

	while (bits < 32 && (W)1 << bits < values)
		bits++;
	return bits;
}

static unsigned least(unsigned one, unsigned other)
{
	return one < other ? one : other;
}

/* Place leaves of these widths, the widest first, for fewest gaps; gives the words that it takes. */
static unsigned place(const struct explorer *x, const unsigned *bits)
{
	unsigned room[x->most_words], words = 1, leaves = x->system->leaves;

	memset(room, 0, sizeof(room));
	for (unsigned wide = 32; wide > 0; wide--)
		for (unsigned k = 0; k < leaves; k++) {
			unsigned word = 0;

			if (bits[k] != wide)
				continue;
			while (room[word] + wide > 64)
				word++;
			x->leaf[k].word = word;
			x->leaf[k].bit = room[word];
			room[word] += wide;
			if (word >= words)
				words = word + 1;
		}
	for (unsigned k = 0; k < leaves; k++)
		x->leaf[k].width = bits[k];
	return words;
}

/* How much a leaf is in want of bits that it does not need yet: those that took many values are the
 * likeliest to take more, and those that took one never may. */
static unsigned want(const struct dictionary *leaf)
{
	return leaf->values > 64 ? 3 : leaf->values > 1 ? 2 : 1;
}

/* Give each leaf the bits that it needs, and then what is left in the words, for making all keys
 * again is slow; gives the words. */
static unsigned place_leaves(struct explorer *x)
{
	unsigned leaves = x->system->leaves, bits[leaves], more[leaves], words, used = 0;
	int left;

	for (unsigned k = 0; k < leaves; k++) {
		bits[k] = bits_for(x->leaf[k].values);
		used += bits[k];
	}
	words = place(x, bits);
	if (used + 4 * words > 64 * words)
		words++;
	for (left = (int)(62 * words) - (int)used; left > 0; left /= 2) {
		int more_left = left;

		memcpy(more, bits, sizeof(bits));
		for (unsigned round = 0; round < 2; round++)
			for (unsigned wanted = 3; wanted > 0; wanted--)
				for (unsigned k = 0; k < leaves && more_left > 0; k++)
					if (want(&x->leaf[k]) == wanted &&
					    more[k] < x->leaf[k].leaf.width) {
						more[k]++;
						more_left--;
					}
		if (place(x, more) <= words)
			return words;
	}
	return place(x, bits);
}

static void set_order(struct explorer *x)
{
	uint16_t *next = x->order;

	for (unsigned word = 0; word < x->words; word++) {
		x->part[word] = (uint16_t)(next - x->order);
		for (unsigned k = 0; k < x->system->leaves; k++)
			if (x->leaf[k].width && x->leaf[k].word == word)
				*next++ = (uint16_t)k;
	}
	x->part[x->words] = (uint16_t)(next - x->order);
	*next = LAST;
}

/* The bits of a key that go from one word to another, as far to the left, or if negative right. */
struct move {
	unsigned from, to;
	int left;
	W mask;
};

/* How keys are to be made again; `order` is of the leaves that are in the old ones. */
static unsigned moves_of(const uint16_t *order, const struct dictionary *old,
			 const struct dictionary *new, struct move *moves)
{
	unsigned count = 0;

	for (; *order != LAST; order++) {
		const struct dictionary *o = &old[*order], *n = &new[*order];
		struct move made = {o->word, n->word, (int)n->bit - (int)o->bit,
				    mask_of(o->width) << o->bit};
		unsigned i = 0;

		while (i < count && (moves[i].from != made.from || moves[i].to != made.to ||
				     moves[i].left != made.left))
			i++;
		if (i == count)
			moves[count++] = made;
		else
			moves[i].mask |= made.mask;
	}
	return count;
}

static inline void move_key(const struct move *moves, unsigned count, W *key, unsigned words)
{
	W made[words];

	memset(made, 0, sizeof(made));
	for (const struct move *m = moves; m < moves + count; m++) {
		W bits = key[m->from] & m->mask;

		made[m->to] |= m->left < 0 ? bits >> -m->left : bits << m->left;
	}
	memcpy(key, made, sizeof(made));
}

/* Make a key again, at its place in a queue of longer or shorter ones. */
static void move_state(struct explorer *x, W i, unsigned before, const struct move *moves,
		       unsigned count)
{
	W key[x->most_words];

	memset(key, 0, sizeof(key));
	memcpy(key, x->queue + i * before, before * sizeof(W));
	move_key(moves, count, key, before > x->words ? before : x->words);
	memcpy(x->queue + i * x->words, key, x->words * sizeof(W));
}

/* Make all keys again, with more room for numbers. */
static int widen(struct explorer *x)
{
	unsigned leaves = x->system->leaves, words, count, before = x->words;
	struct dictionary old[leaves];
	struct move moves[leaves];
	uint16_t order[leaves + 1];

	memcpy(old, x->leaf, sizeof(old));
	memcpy(order, x->order, sizeof(order));
	words = place_leaves(x);
	if (words > before && !grow_queue(x, x->queue_room, words)) {
		memcpy(x->leaf, old, sizeof(old));
		return 0;
	}
	x->words = words;
	count = moves_of(order, old, x->leaf, moves);
	for (W i = 0; i < x->states; i++) /* keys that grow are moved from the end */
		move_state(x, words > before ? x->states - 1 - i : i, before, moves, count);
	for (unsigned i = 0; i < x->successors; i++) {
		struct successor *n = successor_at(x, i);

		move_key(moves, count, n->key, x->most_words);
		n->hash = hash_of(n->key, words);
	}
	move_key(moves, count, x->key, x->most_words);
	set_order(x);
	return grow_table(x, x->buckets);
}

static inline uint32_t slot_of(const struct dictionary *d, uint32_t value)
{
	return value * 0x9e3779b1u >> d->shift;
}

static int grow_dictionary(struct explorer *x, struct dictionary *d)
{
	uint32_t room = d->room ? d->room * 2 : 8;
	struct entry *table;
	uint32_t *value;

	if (d->room >> 31) {
		x->ran_out = STOPPED_INDEX;
		return 0;
	}
	if (!may_grow(x, (W)(room - d->room) * ENTRY_BYTES))
		return 0;
	value = realloc(d->value, room / 2 * sizeof(*value));
	if (value)
		d->value = value;
	table = calloc(room, sizeof(*table));
	if (!value || !table) {
		free(table);
		x->ran_out = STOPPED_MEMORY;
		return 0;
	}
	x->leaf_bytes += (W)(room - d->room) * ENTRY_BYTES;
	free(d->table);
	d->table = table;
	d->room = room;
	d->shift = 32 - bits_for(room);
	for (uint32_t i = 0; i < d->values; i++) {
		uint32_t at = slot_of(d, d->value[i]);

		while (table[at].number)
			at = (at + 1) & (room - 1);
		table[at] = (struct entry){d->value[i], i + 1};
	}
	return 1;
}

/* The number of a value of a leaf; 0 if there is no room for one more, and the search stops. */
static inline uint32_t number_of(struct explorer *x, struct dictionary *d, uint32_t value)
{
	uint32_t at = slot_of(d, value);

	for (; d->table[at].number; at = (at + 1) & (d->room - 1))
		if (d->table[at].value == value)
			return d->table[at].number - 1;
	if (d->values == d->room / 2) {
		if (!grow_dictionary(x, d))
			return 0;
		return number_of(x, d, value);
	}
	d->value[d->values] = value;
	d->table[at] = (struct entry){value, ++d->values};
	if (d->values - 1 > mask_of(d->width) && !widen(x))
		return 0;
	return d->values - 1;
}

/* Make the key of what the state that is expanded was changed into, in one word. */
static inline void change_key(struct explorer *x, struct successor *n, unsigned word, W changed)
{
	W differs = changed ^ x->state[word];

	if (x->raw) {
		n->key[x->first_leaf[word]] = changed;
		return;
	}
	for (unsigned k = x->first_leaf[word]; differs; k++) {
		struct dictionary *d = &x->leaf[k];
		W mask = mask_of(d->leaf.width) << d->leaf.bit;
		uint32_t number;

		if (!(differs & mask))
			continue;
		differs &= ~mask;
		number = number_of(x, d, (uint32_t)((changed & mask) >> d->leaf.bit));
		n->key[d->word] &= ~(mask_of(d->width) << d->bit);
		n->key[d->word] |= (W)number << d->bit;
	}
}

/* Make `state`, whose key is `key`, that of another key. */
static inline void unfold(const struct explorer *x, const W *wanted, W *key, W *state)
{
	for (unsigned word = 0; word < x->words; word++) {
		W differs = wanted[word] ^ key[word];

		if (!differs)
			continue;
		key[word] = wanted[word];
		if (x->raw) {
			state[x->leaf[word].leaf.word] = wanted[word];
			continue;
		}
		for (unsigned i = x->part[word]; i < x->part[word + 1]; i++) {
			const struct dictionary *d = &x->leaf[x->order[i]];
			W mask = mask_of(d->width) << d->bit;

			if (differs & mask)
				state[d->leaf.word] = (state[d->leaf.word] &
					~(mask_of(d->leaf.width) << d->leaf.bit)) |
					(W)d->value[(wanted[word] & mask) >> d->bit] << d->leaf.bit;
		}
	}
}

/* Cut the words that change: as given, or, if there are few, not at all. */
static int begin(struct explorer *x, const W *initial)
{
	const struct system *y = x->system;
	unsigned words = 0, bits[y->leaves + 1];

	memcpy(x->state, initial, y->state_words * sizeof(W));
	for (unsigned k = 0; k < y->leaves; k++)
		words += !k || y->leaf[k].word != y->leaf[k - 1].word;
	x->raw = words <= RAW_WORDS;
	words = 0;
	for (unsigned k = 0; k < y->leaves; k++) {
		struct leaf leaf = y->leaf[k];

		bits[k] = least(leaf.width, FIRST_BITS);
		if (!x->raw || !k || leaf.word != y->leaf[k - 1].word)
			x->leaf[words++].leaf = leaf;
	}
	for (unsigned word = 0, k = 0; word < y->state_words; word++) {
		while (k < words && x->leaf[k].leaf.word < word)
			k++;
		x->first_leaf[word] = k;
	}
	x->order[0] = LAST;
	if (x->raw) {
		x->words = words ? words : 1;
		x->key[0] = 0;
		for (unsigned k = 0; k < words; k++)
			x->key[k] = initial[x->leaf[k].leaf.word];
		return 1;
	}
	x->words = place(x, bits);
	set_order(x);
	for (unsigned k = 0; k < y->leaves; k++) {
		const struct leaf *leaf = &y->leaf[k];
		W word = initial[leaf->word] >> leaf->bit;

		if (!grow_dictionary(x, &x->leaf[k]))
			return 0;
		number_of(x, &x->leaf[k], (uint32_t)(word & mask_of(leaf->width)));
	}
	return 1;
}
