// SPDX-License-Identifier: GPL-2.0-only
/*
 * The compiled explorer: breadth first over packed states, as `reference` does it.
 *
 * GENERATED is the text made from the systems.  It sees get(), put(), next() and fail(), and gives
 * WORDS (64-bit words of a state), INVARIANTS (how many names there are) and systems[].
 *
 * States, violations and counts are those of the reference explorer, in the same order.
 *
 * A state is kept as a binary tree over its halves of words: a node is a pair of numbers, each
 * half of a word or a node below, and equal nodes are one.  States differ in little, so that there
 * are few nodes, and a state costs the eight bytes of its root, wherever it is: once in the queue,
 * which has the states in the order in which they were found, once in a hash table; and four bytes
 * for the state that it was reached from.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t W;
typedef int64_t V;

enum { RUNNING, DONE, STOPPED_STATES, STOPPED_MEMORY, STOPPED_INDEX, FIELD_OVERFLOW };

struct explorer;

/* -- what generated text uses --------------------------------------------------------------- */

static inline W mask_of(unsigned width)
{
	return width < 64 ? ((W)1 << width) - 1 : ~(W)0;
}

/* The code in the field of `width` bits at a bit offset. */
static inline V get(const W *s, unsigned offset, unsigned width)
{
	unsigned word = offset >> 6, bit = offset & 63;
	W found = s[word] >> bit;

	if (bit + width > 64)
		found |= s[word + 1] << (64 - bit);
	return (V)(found & mask_of(width));
}

static W overflow; /* bits of codes that did not fit into their field */

/* The bits of a code for a field of this width. */
static inline W fit(V code, unsigned width)
{
	overflow |= (W)code & ~mask_of(width);
	return (W)code;
}

static inline void put(W *t, unsigned offset, unsigned width, V code)
{
	unsigned word = offset >> 6, bit = offset & 63;
	W mask = mask_of(width), value = fit(code, width);

	t[word] = (t[word] & ~(mask << bit)) | value << bit;
	if (bit + width > 64)
		t[word + 1] = (t[word + 1] & ~(mask >> (64 - bit))) | value >> (64 - bit);
}

static inline V within(V value, V low, V high)
{
	return low <= value && value <= high ? value : low;
}

/* A copy of state `s`, to be changed to that after the operation of this number. */
static W *next(struct explorer *x, const W *s, unsigned number);

/* A check about an invariant fails as an operation is about to be carried out. */
static void fail(struct explorer *x, unsigned invariant, int stop);

typedef void (*steps)(const W *s, struct explorer *x);
typedef V (*condition)(const W *s);

struct thread {
	unsigned pc, pc_width; /* where its program counter is */
	V end;
	unsigned edges;
	const steps *at;       /* by location */
	const W *watch;        /* by location: the checks of states that its edges may change */
};

struct judge {
	unsigned invariant;
	condition holds;
};

struct system {
	unsigned threads, rules, checks, finals;
	int software;          /* whether rules are more than what hardware does by itself */
	const struct thread *const *thread;
	steps rule;            /* or NULL */
	const struct judge *check, *final;
};

#define PURE __attribute__((pure))
#define ONCE __attribute__((noinline))
#define DEADLOCK 0             /* the number of the invariant that there is none */

#include GENERATED

/* -- what is kept ----------------------------------------------------------------------------- */

#define LEAVES (2 * WORDS)
#define NODES (LEAVES - 1)     /* the last is the root */

struct successor {
	W root;
	uint32_t parent;
	W watch;
	W state[WORDS];
};

struct violation {
	uint32_t seen, state, depth, at_step;
};

struct explorer {
	const struct system *system;
	W max_states, max_bytes;

	/* states in the order in which they were found */
	W *queue;
	uint32_t *parent;
	W states, queue_room;
	/* the same by hash; a root is kept as its inverse, so that 0 is nothing */
	W *table;
	W table_room;
	int has_ones;          /* whether the root of ones only, which would be nothing, was found */
	/* nodes below roots */
	W *node;
	uint32_t *node_table;
	W nodes, node_room, node_table_room;

	/* the search */
	W done, level_end, in_level, transitions, levels;
	int status, moved, stopped, ran_out;
	const struct thread *thread;
	unsigned char **fired, *firing;
	struct violation violation[INVARIANTS];
	/* successors that are not yet looked up, those before `mark` of earlier steps */
	struct successor *successor;
	unsigned successors, successor_room, mark, keyed;
	/* the state that is expanded, as a tree: leaves, then nodes from the bottom */
	uint32_t tree[LEAVES + NODES];
	W state[WORDS];
};

static uint16_t left_of[NODES], right_of[NODES];

static void plan(void)
{
	uint16_t row[LEAVES];
	unsigned length = LEAVES, made = 0;

	for (unsigned i = 0; i < LEAVES; i++)
		row[i] = (uint16_t)i;
	while (length > 1) {
		unsigned kept = 0;

		for (unsigned i = 0; i + 1 < length; i += 2) {
			left_of[made] = row[i];
			right_of[made] = row[i + 1];
			row[kept++] = (uint16_t)(LEAVES + made++);
		}
		if (length & 1)
			row[kept++] = row[length - 1];
		length = kept;
	}
}

static W used_bytes(const struct explorer *x)
{
	return x->queue_room * 12 + x->table_room * 8 + x->node_room * 8 + x->node_table_room * 4;
}

/* Whether `more` bytes may be taken; if not, the search stops. */
static int may_grow(struct explorer *x, W more)
{
	if (used_bytes(x) + more <= x->max_bytes)
		return 1;
	x->ran_out = STOPPED_MEMORY;
	return 0;
}

static inline W mixed(W key)
{
	key ^= key >> 32;
	key *= 0x9e3779b97f4a7c15u;
	key ^= key >> 29;
	key *= 0xbf58476d1ce4e5b9u;
	return key ^ key >> 32;
}

/* -- nodes ------------------------------------------------------------------------------------ */

static int grow_nodes(struct explorer *x)
{
	W room = x->node_table_room ? x->node_table_room * 2 : 1 << 10;
	W kept = room / 2 + room / 8;
	W *node;
	uint32_t *table;

	if (kept > UINT32_MAX) {
		x->ran_out = STOPPED_INDEX;
		return 0;
	}
	if (!may_grow(x, (room - x->node_table_room) * 4 + (kept - x->node_room) * 8))
		return 0;
	node = realloc(x->node, kept * sizeof(*node));
	if (node)
		x->node = node, x->node_room = kept;
	table = calloc(room, sizeof(*table));
	if (!node || !table) {
		free(table);
		x->ran_out = STOPPED_MEMORY;
		return 0;
	}
	free(x->node_table);
	x->node_table = table;
	x->node_table_room = room;
	for (W i = 0; i < x->nodes; i++) {
		W at = mixed(x->node[i]) & (room - 1);

		while (table[at])
			at = (at + 1) & (room - 1);
		table[at] = (uint32_t)(i + 1);
	}
	return 1;
}

static inline uint32_t node_of(struct explorer *x, uint32_t left, uint32_t right)
{
	W key = (W)left << 32 | right, at;

	if (x->nodes == x->node_room && !grow_nodes(x))
		return 0;
	for (at = mixed(key) & (x->node_table_room - 1); x->node_table[at];
	     at = (at + 1) & (x->node_table_room - 1))
		if (x->node[x->node_table[at] - 1] == key)
			return x->node_table[at] - 1;
	x->node[x->nodes] = key;
	x->node_table[at] = (uint32_t)++x->nodes;
	return (uint32_t)(x->nodes - 1);
}

/* The root of a successor of the state that is expanded. */
static W root_of(struct explorer *x, const W *state)
{
	uint32_t tree[LEAVES + NODES];
	const uint32_t *old = x->tree;

	for (unsigned i = 0; i < WORDS; i++) {
		tree[2 * i] = (uint32_t)state[i];
		tree[2 * i + 1] = (uint32_t)(state[i] >> 32);
	}
	for (unsigned k = 0; k < NODES - 1; k++) {
		unsigned l = left_of[k], r = right_of[k];

		if (tree[l] == old[l] && tree[r] == old[r])
			tree[LEAVES + k] = old[LEAVES + k];
		else
			tree[LEAVES + k] = node_of(x, tree[l], tree[r]);
	}
	return (W)tree[left_of[NODES - 1]] << 32 | tree[right_of[NODES - 1]];
}

/* Make `tree` and `state` those of a root; what they are not to change in is not looked up. */
static void unfold(const struct explorer *x, W root, uint32_t *tree, W *state)
{
	unsigned char changed[LEAVES + NODES];
	W pair = root;

	changed[LEAVES + NODES - 1] = 1;
	for (unsigned k = NODES; k-- > 0;) {
		unsigned l = left_of[k], r = right_of[k];

		if (!changed[LEAVES + k]) {
			changed[l] = changed[r] = 0;
			continue;
		}
		if (k < NODES - 1)
			pair = x->node[tree[LEAVES + k]];
		changed[l] = tree[l] != (uint32_t)(pair >> 32);
		changed[r] = tree[r] != (uint32_t)pair;
		tree[l] = (uint32_t)(pair >> 32);
		tree[r] = (uint32_t)pair;
	}
	for (unsigned i = 0; i < WORDS; i++)
		state[i] = (W)tree[2 * i + 1] << 32 | tree[2 * i];
}

/* -- states ----------------------------------------------------------------------------------- */

static int grow_table(struct explorer *x)
{
	W room = x->table_room ? x->table_room * 2 : 1 << 12;

	if (!may_grow(x, (room - x->table_room) * 8))
		return 0;
	free(x->table); /* the queue has all that is in it */
	x->table = calloc(room, sizeof(*x->table));
	x->table_room = x->table ? room : 0;
	if (!x->table) {
		x->ran_out = STOPPED_MEMORY;
		return 0;
	}
	for (W i = 0; i < x->states; i++) {
		W at = mixed(x->queue[i]) & (room - 1);

		if (!~x->queue[i])
			continue;
		while (x->table[at])
			at = (at + 1) & (room - 1);
		x->table[at] = ~x->queue[i];
	}
	return 1;
}

static int grow_queue(struct explorer *x)
{
	W room = x->queue_room ? x->queue_room + x->queue_room / 2 : 1 << 12;
	W *queue;
	uint32_t *parent;

	if (x->states >= UINT32_MAX) {
		x->ran_out = STOPPED_INDEX;
		return 0;
	}
	if (!may_grow(x, (room - x->queue_room) * 12))
		return 0;
	queue = realloc(x->queue, room * sizeof(*queue));
	if (queue)
		x->queue = queue;
	parent = realloc(x->parent, room * sizeof(*parent));
	if (parent)
		x->parent = parent;
	if (!queue || !parent) {
		x->ran_out = STOPPED_MEMORY;
		return 0;
	}
	x->queue_room = room;
	return 1;
}

/* Note a state; gives whether it is new. */
static int found(struct explorer *x, W root, uint32_t parent)
{
	if (!~root) {
		if (x->has_ones)
			return 0;
	} else {
		W at = mixed(root) & (x->table_room - 1);

		while (x->table[at]) {
			if (x->table[at] == ~root)
				return 0;
			at = (at + 1) & (x->table_room - 1);
		}
		if (x->states < x->queue_room)
			x->table[at] = ~root;
	}
	if (x->states == x->queue_room) {
		if (!grow_queue(x))
			return 0;
		return found(x, root, parent);
	}
	x->has_ones |= !~root;
	x->queue[x->states] = root;
	x->parent[x->states++] = parent;
	if (x->states > x->table_room / 4 * 3)
		grow_table(x);
	return 1;
}

static void note(struct explorer *x, unsigned invariant, W state, W depth, int at_step)
{
	struct violation *v = &x->violation[invariant];

	if (!v->seen)
		*v = (struct violation){1, (uint32_t)state, (uint32_t)depth, (uint32_t)at_step};
}

static void judge(struct explorer *x, const W *state, W which, W number, W depth)
{
	const struct system *y = x->system;

	for (unsigned k = 0; k < y->checks; k++)
		if ((k > 63 || which >> k & 1) && !x->violation[y->check[k].invariant].seen &&
		    !y->check[k].holds(state))
			note(x, y->check[k].invariant, number, depth, 0);
}

/* Look up the first successors. */
static void look_up(struct explorer *x, unsigned count)
{
	for (unsigned i = 0; i < count && !x->ran_out; i++) {
		struct successor *n = &x->successor[i];

		if (found(x, n->root, n->parent) && n->watch)
			judge(x, n->state, n->watch, x->states - 1, x->levels);
	}
	x->successors -= count;
	memmove(x->successor, x->successor + count, x->successors * sizeof(*x->successor));
	x->keyed -= count;
	x->mark -= count;
}

/* -- steps ------------------------------------------------------------------------------------ */

static struct successor spare;

static W *next(struct explorer *x, const W *s, unsigned number)
{
	struct successor *n;

	if (x->successors == x->successor_room) {
		unsigned room = x->successor_room * 2;

		n = realloc(x->successor, room * sizeof(*n));
		if (!n) {
			x->ran_out = STOPPED_MEMORY;
			return spare.state;
		}
		x->successor = n;
		x->successor_room = room;
	}
	n = &x->successor[x->successors++];
	memcpy(n->state, s, sizeof(n->state));
	x->firing[number] = 1;
	return n->state;
}

static void fail(struct explorer *x, unsigned invariant, int stop)
{
	if (!x->violation[invariant].seen) {
		look_up(x, x->mark); /* states that were found before may break it as well */
		note(x, invariant, x->done, x->levels, 1);
	}
	x->stopped |= stop;
}

/* Carry out what may be done here, and give how much that was; `watch`: the checks of states that
 * it may change. */
static unsigned carry_out(struct explorer *x, steps at, W watch)
{
	x->mark = x->successors;
	at(x->state, x);
	for (unsigned i = x->keyed; i < x->successors; i++) {
		struct successor *n = &x->successor[i];

		n->root = root_of(x, n->state);
		n->parent = (uint32_t)x->done;
		n->watch = watch;
		__builtin_prefetch(&x->table[mixed(n->root) & (x->table_room - 1)]);
	}
	x->keyed = x->successors;
	x->transitions += x->successors - x->mark;
	return x->successors - x->mark;
}

static void end(struct explorer *x)
{
	const struct system *y = x->system;

	look_up(x, x->successors);
	for (unsigned i = 0; i < y->threads; i++) {
		const struct thread *t = y->thread[i];

		if (get(x->state, t->pc, t->pc_width) != t->end) {
			note(x, DEADLOCK, x->done, x->levels - 1, 0);
			return;
		}
	}
	for (unsigned k = 0; k < y->finals; k++)
		if (!x->violation[y->final[k].invariant].seen && !y->final[k].holds(x->state))
			note(x, y->final[k].invariant, x->done, x->levels - 1, 0);
}

static void expand(struct explorer *x)
{
	const struct system *y = x->system;

	unfold(x, x->queue[x->done], x->tree, x->state);
	x->moved = x->stopped = 0;
	for (unsigned i = 0; i < y->threads; i++) {
		const struct thread *t = y->thread[i];
		W pc = (W)get(x->state, t->pc, t->pc_width);

		x->firing = x->fired[i];
		if (t->at[pc] && carry_out(x, t->at[pc], t->watch[pc]))
			x->moved = 1;
	}
	if (y->rule) {
		x->firing = x->fired[y->threads];
		if (carry_out(x, y->rule, ~(W)0) && y->software)
			x->moved = 1;
	}
	if (!x->moved && !x->stopped)
		end(x);
	if (x->successors > 128)
		look_up(x, x->successors);
	x->done++;
}

/* -- what is called from outside ---------------------------------------------------------------- */

void explore_close(struct explorer *x)
{
	if (!x)
		return;
	for (unsigned i = 0; x->fired && i <= x->system->threads; i++)
		free(x->fired[i]);
	free(x->fired);
	free(x->queue);
	free(x->parent);
	free(x->table);
	free(x->node);
	free(x->node_table);
	free(x->successor);
	free(x);
}

/* NULL if there is no memory. */
struct explorer *explore_open(unsigned number, const W *initial, W max_states, W max_bytes)
{
	struct explorer *x = calloc(1, sizeof(*x));
	const struct system *y = &systems[number];
	int ok = 1;

	if (!x)
		return NULL;
	plan();
	overflow = 0;
	x->system = y;
	x->max_states = max_states;
	x->max_bytes = max_bytes;
	x->successor_room = 1024;
	x->successor = malloc(x->successor_room * sizeof(*x->successor));
	x->fired = calloc(y->threads + 1, sizeof(*x->fired));
	for (unsigned i = 0; x->fired && i <= y->threads; i++) {
		unsigned edges = i < y->threads ? y->thread[i]->edges : y->rules;

		x->fired[i] = calloc(edges + 1, 1);
		ok &= x->fired[i] != NULL;
	}
	ok = ok && x->fired && x->successor;
	ok = ok && grow_nodes(x) && grow_table(x) && grow_queue(x);
	if (!ok) {
		explore_close(x);
		return NULL;
	}
	for (unsigned k = 0; k < NODES - 1; k++) /* so that the tree of zeros is what it says */
		x->tree[LEAVES + k] = node_of(x, x->tree[left_of[k]], x->tree[right_of[k]]);
	found(x, root_of(x, initial), 0);
	judge(x, initial, ~(W)0, 0, 0);
	x->done = x->level_end = 0;
	return x;
}

/* Expand about `budget` states; gives how the search stands. */
int explore_run(struct explorer *x, W budget)
{
	while (x->status == RUNNING) {
		if (x->done == x->level_end) { /* the first of a level */
			look_up(x, x->successors);
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
		if (!(++x->in_level & 0xfff)) {
			look_up(x, x->successors);
			if (x->states >= x->max_states)
				return x->status = STOPPED_STATES;
		}
		expand(x);
		if (overflow)
			return x->status = FIELD_OVERFLOW;
		if (x->ran_out)
			return x->status = x->ran_out;
		if (!--budget)
			break;
	}
	return x->status;
}

/* states, transitions, levels, bytes, nodes */
void explore_counts(const struct explorer *x, W *counts)
{
	counts[0] = x->states;
	counts[1] = x->transitions;
	counts[2] = x->levels;
	counts[3] = used_bytes(x);
	counts[4] = x->nodes;
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

const unsigned char *explore_fired(const struct explorer *x, unsigned thread)
{
	return x->fired[thread];
}

/* The words of a state by number, and the number of the state that it was reached from. */
uint32_t explore_state(const struct explorer *x, uint32_t number, W *state)
{
	uint32_t tree[LEAVES + NODES];

	memcpy(tree, x->tree, sizeof(tree));
	unfold(x, x->queue[number], tree, state);
	return x->parent[number];
}
