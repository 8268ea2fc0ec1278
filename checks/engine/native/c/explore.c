// SPDX-License-Identifier: GPL-2.0-only
/*
 * The native explorer: breadth first over packed states, as `reference` does it.
 *
 * States, violations and counts are those of the reference explorer, in the same order.  The queue
 * has the keys of states in the order in which they were found, with the number of the state that
 * each was reached from; the hash table has numbers of states.
 */

#include "keys.h"

#define DEADLOCK 0             /* the number of the invariant that there is none */
#define EVERY (~(W)0)
#define LAST_WATCH 63          /* the bit of all checks from this one on */

static uint32_t searches;

/* -- judging ---------------------------------------------------------------------------------- */

static void note(struct explorer *x, unsigned invariant, W state, W depth, int at_step)
{
	struct violation *v = &x->violation[invariant];

	if (!v->seen)
		*v = (struct violation){1, (uint32_t)state, (uint32_t)depth, (uint32_t)at_step};
}

/* Whether a condition holds in a state. */
static int holds(struct explorer *x, struct code *c, const W *state)
{
	uint32_t e;

	if (remembered(c) > x->most_remembered)
		forget(c);
	e = effect_at(c, 0, state, x->footprint, &x->evaluation);
	if (e == NOTHING) {
		x->ran_out = STOPPED_MEMORY;
		return 1;
	}
	return c->effect[e].value;
}

static void judge(struct explorer *x, const W *state, W which, W number, W depth)
{
	const struct system *y = x->system;

	for (unsigned k = 0; k < y->checks; k++) {
		const struct judge *j = &y->judge[k];

		if (which >> least(k, LAST_WATCH) & 1 && !x->violation[j->invariant].seen &&
		    !holds(x, j->code, state))
			note(x, j->invariant, number, depth, 0);
	}
}

/* Judge the state that was found last. */
static void judge_key(struct explorer *x, const W *found, W which)
{
	memcpy(x->spare_key, x->key, x->words * sizeof(W));
	memcpy(x->spare_state, x->state, x->system->state_words * sizeof(W));
	unfold(x, found, x->spare_key, x->spare_state);
	judge(x, x->spare_state, which, x->states - 1, x->levels);
}

/* Look up all successors. */
static void look_up(struct explorer *x)
{
	unsigned count = x->successors;

	for (unsigned i = 0; i < count && !x->ran_out; i++) {
		struct successor *n = successor_at(x, i);

		if (i + 8 < count)
			expect_state(x, successor_at(x, i + 8)->hash);
		if (found(x, n->key, n->hash, n->parent) && n->watch)
			judge_key(x, n->key, n->watch);
	}
	x->successors = 0;
}

/* -- steps ------------------------------------------------------------------------------------ */

static struct successor *new_successor(struct explorer *x)
{
	if (x->successors == x->successor_room) {
		W size = x->successor_words * sizeof(W);
		W *more = realloc(x->successor, 2 * x->successor_room * size);

		if (!more) {
			x->ran_out = STOPPED_MEMORY;
			return NULL;
		}
		x->successor = more;
		x->successor_room *= 2;
	}
	return successor_at(x, x->successors++);
}

/* Make the successor that a move leads to; gives where the next move begins. */
static const uint32_t *follow(struct explorer *x, const struct unit *u, const uint32_t *move)
{
	unsigned number = *move++, words = *move++;
	struct successor *n = new_successor(x);

	if (!n)
		return move;
	memcpy(n->key, x->key, x->words * sizeof(W));
	n->parent = (uint32_t)x->done;
	n->watch = u->watch[number];
	if (!x->system->orbits) {
		for (; words--; move += 3)
			change_key(x, n, move[0], x->state[move[0]] ^
						  ((W)move[1] | (W)move[2] << 32));
	} else {
		unsigned all = x->system->state_words;

		for (; words--; move += 3)
			x->changed[move[0]] ^= (W)move[1] | (W)move[2] << 32;
		stand_for(x->system->orbits, x->changed, all);
		for (unsigned i = 0; i < all; i++)
			if (x->changed[i] != x->state[i])
				change_key(x, n, i, x->changed[i]);
		memcpy(x->changed, x->state, all * sizeof(W));
	}
	n->hash = hash_of(n->key, x->words);
	expect_bucket(x, n->hash);
	return move;
}

/* Note what a search comes upon for the first time: moves that fire, and checks that fail. */
static void come_upon(struct explorer *x, const struct unit *u, struct effect *e)
{
	const struct code *c = u->code;
	const uint32_t *move = c->move + e->first_move;

	e->search = x->number;
	for (uint32_t i = 0; i < e->moves; i++, move += 2 + 3 * move[1])
		u->fired[move[0]] = 1;
	if (!e->failures)
		return;
	look_up(x); /* states that were found before may break the same */
	for (uint32_t i = 0; i < e->failures; i++)
		note(x, u->invariant[c->failure[e->first_failure + i]], x->done, x->levels, 1);
}

static unsigned where(const struct explorer *x, const struct unit *u)
{
	return u->pc_width ? (unsigned)get(x->state, u->pc, u->pc_width) : 0;
}

static unsigned units(const struct system *y)
{
	return y->threads + (y->rules != 0);
}

/* Whether each unit has a text where it stands; else the first that has none is wanted. */
static int is_written(struct explorer *x)
{
	for (unsigned i = 0; i < units(x->system); i++) {
		const struct unit *u = &x->system->unit[i];
		unsigned at = where(x, u);

		if (u->code->place[at].text == NOTHING) {
			x->wanted_unit = i;
			x->wanted_place = at;
			return 0;
		}
	}
	return 1;
}

/* Nothing moves any more: all have returned, or it is a deadlock. */
static void end(struct explorer *x)
{
	const struct system *y = x->system;

	look_up(x);
	for (unsigned i = 0; i < y->threads; i++) {
		const struct unit *u = &y->unit[i];

		if (get(x->state, u->pc, u->pc_width) != u->end) {
			note(x, DEADLOCK, x->done, x->levels - 1, 0);
			return;
		}
	}
	for (unsigned k = y->checks; k < y->checks + y->finals; k++)
		if (!x->violation[y->judge[k].invariant].seen &&
		    !holds(x, y->judge[k].code, x->state))
			note(x, y->judge[k].invariant, x->done, x->levels - 1, 0);
}

static void expand(struct explorer *x)
{
	int moved = 0, stopped = 0;

	memcpy(x->changed, x->state, x->system->state_words * sizeof(W));
	for (unsigned i = 0; i < units(x->system); i++) {
		const struct unit *u = &x->system->unit[i];
		struct code *c = u->code;
		uint32_t number;
		struct effect *e;
		const uint32_t *move;

		if (remembered(c) > x->most_remembered)
			forget(c);
		number = effect_at(c, where(x, u), x->state, x->footprint, &x->evaluation);
		if (number == NOTHING) {
			x->ran_out = STOPPED_MEMORY;
			return;
		}
		e = &c->effect[number];
		if (e->search != x->number)
			come_upon(x, u, e);
		stopped |= e->halted;
		moved |= e->progress;
		x->transitions += e->moves;
		move = c->move + e->first_move;
		for (uint32_t n = 0; n < e->moves && !x->ran_out; n++)
			move = follow(x, u, move);
	}
	if (!moved && !stopped)
		end(x);
	if (x->successors > 128)
		look_up(x);
	x->done++;
}

/* -- what is called from outside ---------------------------------------------------------------- */

void explore_close(struct explorer *x)
{
	if (!x)
		return;
	give_back(x->queue, x->queue_bytes);
	give_back(x->parent, x->parent_bytes);
	give_back(x->table, x->buckets * sizeof(struct bucket));
	for (unsigned k = 0; x->leaf && k < x->system->leaves; k++) {
		free(x->leaf[k].value);
		free(x->leaf[k].table);
	}
	free(x->leaf);
	free(x->first_leaf);
	free(x->order);
	free(x->part);
	free(x->successor);
	free(x->violation);
	free(x->key);
	free(x);
}

#define MOST_BYTES ((W)1 << 40)  /* of keys */

/* Room for the words of a state, and one, as a field may go on in the next; for those of a key. */
static int make_room(struct explorer *x)
{
	const struct system *y = x->system;
	W key = x->most_words + 1, state = y->state_words + 1;
	W *room = calloc(2 * key + 4 * state, sizeof(W));

	if (!room)
		return 0;
	x->key = room;
	x->spare_key = room + key;
	x->state = room + 2 * key;
	x->changed = x->state + state;
	x->spare_state = x->changed + state;
	x->footprint = x->spare_state + state;
	x->evaluation.listener.changed = x->changed;
	x->evaluation.listener.state_words = y->state_words;
	x->evaluation.listener.fail = note_failure;
	x->evaluation.listener.done = note_move;
	return 1;
}

/* NULL if there is no memory; what a place does is forgotten where more than so many bytes are
 * remembered. */
struct explorer *explore_open(const struct system *y, const W *initial, W max_states, W max_bytes,
			      W most_remembered)
{
	struct explorer *x = calloc(1, sizeof(*x));
	int ok;

	if (!x)
		return NULL;
	x->number = ++searches;
	x->system = y;
	x->max_states = max_states;
	x->max_bytes = max_bytes;
	x->most_remembered = most_remembered;
	x->most_words = y->leaves / 2 + 2;
	x->successor_words = x->most_words + sizeof(struct successor) / sizeof(W);
	x->successor_room = 256;
	x->successor = malloc(x->successor_room * x->successor_words * sizeof(W));
	x->violation = calloc(y->invariants, sizeof(*x->violation));
	x->leaf = calloc(y->leaves + 1, sizeof(*x->leaf));
	x->first_leaf = calloc(y->state_words + 1, sizeof(*x->first_leaf));
	x->order = calloc(y->leaves + 1, sizeof(*x->order));
	x->part = calloc(x->most_words + 1, sizeof(*x->part));
	ok = x->successor && x->violation && x->leaf && x->first_leaf && x->order && x->part;
	x->queue_bytes = max_bytes < MOST_BYTES ? max_bytes : MOST_BYTES;
	x->parent_bytes = 4 * (W)UINT32_MAX;
	ok = ok && make_room(x) && begin(x, initial);
	ok = ok && (x->queue = reserve(&x->queue_bytes)) && (x->parent = reserve(&x->parent_bytes));
	ok = ok && grow_queue(x, 1 << 10, x->words) && grow_table(x, 1 << 8);
	if (!ok) {
		explore_close(x);
		return NULL;
	}
	found(x, x->key, hash_of(x->key, x->words), 0);
	return x;
}

/* Expand about `budget` states; gives how the search stands. */
int explore_run(struct explorer *x, W budget)
{
	if (!x->levels && !x->done)
		judge(x, x->state, EVERY, 0, 0);
	if (x->status == TEXT_WANTED)
		x->status = RUNNING;
	while (x->status == RUNNING) {
		if (x->done == x->level_end) { /* the first of a level */
			look_up(x);
			if (x->ran_out)
				return x->status = x->ran_out;
			if (x->done == x->states)
				return x->status = DONE;
			if (x->states >= x->max_states)
				return x->status = STOPPED_STATES;
			x->level_end = x->states;
			x->in_level = 0;
			x->levels++;
		}
		unfold(x, x->queue + x->done * x->words, x->key, x->state);
		if (!is_written(x))
			return x->status = TEXT_WANTED;
		if (!(++x->in_level & 0xfff)) {
			look_up(x);
			if (x->states >= x->max_states)
				return x->status = STOPPED_STATES;
		}
		expand(x);
		if (x->evaluation.listener.overflow)
			return x->status = FIELD_OVERFLOW;
		if (x->ran_out)
			return x->status = x->ran_out;
		if (!--budget)
			break;
	}
	return x->status;
}

/* states, transitions, levels, bytes */
void explore_counts(const struct explorer *x, W *counts)
{
	counts[0] = x->states;
	counts[1] = x->transitions;
	counts[2] = x->levels;
	counts[3] = used_bytes(x);
}

/* The unit and the place of the text that is wanted. */
void explore_wanted(const struct explorer *x, uint32_t *wanted)
{
	wanted[0] = x->wanted_unit;
	wanted[1] = x->wanted_place;
}

/* Whether an invariant is violated; then the state, the depth, and whether at a step. */
int explore_violation(const struct explorer *x, unsigned invariant, uint32_t *where)
{
	const struct violation *v = &x->violation[invariant];

	where[0] = v->state;
	where[1] = v->depth;
	where[2] = v->at_step;
	return (int)v->seen;
}

/* The words of a state by number, and the number of the state that it was reached from. */
uint32_t explore_state(const struct explorer *x, uint32_t number, W *state)
{
	memcpy(x->spare_key, x->key, x->words * sizeof(W));
	memcpy(x->spare_state, x->state, x->system->state_words * sizeof(W));
	unfold(x, x->queue + (W)number * x->words, x->spare_key, x->spare_state);
	memcpy(state, x->spare_state, x->system->state_words * sizeof(W));
	return x->parent[number];
}

/* Of which sources this was built. */
const char *sources(void)
{
	return SOURCES;
}
