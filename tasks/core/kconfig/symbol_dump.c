// SPDX-License-Identifier: GPL-2.0-only
/*
 * symbol_dump: what the kernel's own Kconfig parser knows about some symbols, as JSON lines.
 *
 *   symbol_dump [--names] [--symbols FILE] [--output FILE] KCONFIG [SYMBOL...]
 *
 * The program is linked against the objects that `make *config` leaves in the build folder
 * (scripts/kconfig/{confdata,expr,lexer.lex,menu,parser.tab,preprocess,symbol,util}.o), so each
 * tree is read in its own dialect. It parses KCONFIG, reads the .config of the current directory
 * (KCONFIG_CONFIG) and writes a header line, then one line for each asked symbol and for every
 * symbol that is needed to explain those: the ones in dependencies, prompt conditions, defaults
 * and ranges, the other members of a choice, and whoever selects or implies it, or would if its
 * condition held. It writes nothing but its output: neither .config nor anything below include/.
 *
 * Environment. Kconfig files call the compiler and refer to what make exports, so a dump made in
 * another environment than the .config would describe another configuration. 6.12 on x86 refers to
 *
 *   srctree SRCARCH ARCH KERNELVERSION CC CC_VERSION_TEXT CLANG_FLAGS LD AR NM OBJCOPY
 *   RUSTC RUSTC_VERSION_TEXT BINDGEN PAHOLE PYTHON3   (include/config/auto.conf.cmd lists them)
 *
 * and every release adds some. That is why nobody sets them for this program: make itself starts
 * it, through a `$(shell,...)` in the small Kconfig file that KBUILD_KCONFIG names
 * (symbolDumpKconfig() in tasks/core/kconfig/symbol_dump.ts). "settled" in the header says that the
 * environment was right: the .config is what olddefconfig would write.
 *
 * Versions. What trees call by different names is in symbol_dump_tree.h; the program was run with
 * 6.1, 6.12 and 7.3. Newer trees have SYMBOL_TRANS ("transitional" symbols, dumped as such below).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbol_dump_expr.h"

/* Longest piece of a Kconfig file that is quoted for one definition, in lines. */
#define SOURCE_LINES 60

/*
 * The lines of one Kconfig entry without its help, for macros such as $(cc-option,...) are y or n
 * once the file is parsed. NULL if it cannot be read.
 */
static char *entry_source(const char *file, int line)
{
	static char text[SOURCE_LINES * 256];
	char buffer[1024];
	size_t used = 0;
	int number = 0;
	FILE *in = zconf_fopen(file);

	if (!in)
		return NULL;
	text[0] = '\0';
	while (number < line + SOURCE_LINES && fgets(buffer, sizeof(buffer), in)) {
		const char *word = buffer + strspn(buffer, " \t");
		size_t length = strlen(buffer);

		if (++number < line)
			continue;
		if (!strncmp(word, "help", 4) && strspn(word + 4, " \t\n"))
			break;
		/* The next entry starts at the margin; indented ones start with its keyword. */
		if (number > line && word == buffer && *word != '\n' && *word != '#')
			break;
		if (number > line &&
		    (!strncmp(word, "config ", 7) || !strncmp(word, "menuconfig ", 11)))
			break;
		if (*word == '\n' || *word == '#')
			continue;
		if (used + length >= sizeof(text))
			break;
		memcpy(text + used, buffer, length + 1);
		used += length;
	}
	fclose(in);
	while (used && (text[used - 1] == '\n' || text[used - 1] == '\r'))
		text[--used] = '\0';
	return text;
}

/*
 * `depends on A` and `depends on $(cc-option,...)` with a failing probe is folded to the constant
 * n, and A with it; whoever explains the entry reads its source and wants the values in there.
 */
static void enqueue_words(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	char name[SYMBOL_MAXLENGTH];
	size_t length;

	for (; text && *text; text += length) {
		length = strspn(text, letters);
		if (length == 0) {
			length = 1;
			continue;
		}
		if (length < sizeof(name)) {
			memcpy(name, text, length);
			name[length] = '\0';
			enqueue(sym_find(name));
		}
	}
}

static bool is_constant_no(const struct expr *e)
{
	return e && e->type == E_SYMBOL && e->left.sym == &symbol_no;
}

/* The next entry of a menu tree, in order, below `root`; NULL after the last. */
static struct menu *next_below(struct menu *entry, struct menu *root)
{
	if (entry->list)
		return entry->list;
	while (entry != root && !entry->next)
		entry = entry->parent;
	return entry == root ? NULL : entry->next;
}

static void put_choice(struct symbol *sym)
{
	struct menu *choice = choice_of(sym), *entry;
	const char *winner = NULL;
	bool first = true;

	fputs(",\"choice\":", out);
	if (!choice) {
		fputs("null", out);
		return;
	}
	fputs("{\"prompt\":", out);
	put_string(menu_get_prompt(choice));
	put_position(file_of(choice), choice->lineno);
	fputs(",\"members\":[", out);
	for (entry = choice->list; entry; entry = next_below(entry, choice)) {
		/* Entries below a member's own submenu do not belong to the choice. */
		if (!entry->sym || !entry->sym->name || choice_of(entry->sym) != choice)
			continue;
		fputs(first ? "{\"name\":" : ",{\"name\":", out);
		first = false;
		put_string(entry->sym->name);
		put_key_string("value", value_of(entry->sym));
		put_key_string("visible", tristate_text(entry->sym->visible));
		putc('}', out);
		if (!strcmp(value_of(entry->sym), "y"))
			winner = entry->sym->name;
		enqueue(entry->sym);
	}
	putc(']', out);
	put_key_string("winner", winner);
	putc('}', out);
}

#ifdef SYMBOL_TRANS
/* An old name is carried over by the default of the new one: `default OLD`, `default y if OLD`. */
static void put_heirs(struct symbol *old)
{
	struct property *prop;
	struct symbol *sym;
	bool first = true;
	int i;

	fputs(",\"transitional\":true,\"heirs\":[", out);
	each_symbol(i, sym) {
		for_all_defaults(sym, prop) {
			if (!sym->name || (!expr_contains_symbol(prop->expr, old) &&
					   !expr_contains_symbol(prop->visible.expr, old)))
				continue;
			if (!first)
				putc(',', out);
			first = false;
			put_string(sym->name);
			break;
		}
	}
	putc(']', out);
}
#endif

static void put_symbol(struct symbol *sym)
{
	struct property *prop;
	struct menu *menu;
	bool first;

	sym_calc_value(sym);
	fputs("{\"symbol\":", out);
	put_string(sym->name);
	fprintf(out, ",\"defined\":%s", sym->type == S_UNKNOWN ? "false" : "true");
	/* sym->type, not sym_get_type(): without MODULES the latter calls a tristate a bool. */
	put_key_string("type", sym->type == S_INT ? "int" : sym_type_name(sym->type));
	put_key_string("value", value_of(sym));
	fprintf(out, ",\"written\":%s", sym->flags & SYMBOL_WRITE ? "true" : "false");
	put_key_string("visible", tristate_text(sym->visible));
#ifdef SYMBOL_TRANS
	if (sym->flags & SYMBOL_TRANS)
		put_heirs(sym);
#endif

	fputs(",\"definitions\":[", out);
	first = true;
	each_definition(sym, prop, menu) {
		const char *source = entry_source(file_of(menu), menu->lineno);

		fputs(first ? "{\"source\":" : ",{\"source\":", out);
		first = false;
		put_string(source);
		if (is_constant_no(sym->dir_dep.expr))
			enqueue_words(source);
		put_position(file_of(menu), menu->lineno);
		putc('}', out);
	}

	fputs("],\"prompts\":[", out);
	first = true;
	for_all_prompts(sym, prop) {
		fputs(first ? "{\"text\":" : ",{\"text\":", out);
		first = false;
		put_string(prop->text);
		put_position(file_of(prop), prop->lineno);
		put_key_string("value", tristate_text(expr_calc_value(prop->visible.expr)));
		fputs(",\"condition\":", out);
		put_expr(prop->visible.expr);
		putc('}', out);
		enqueue_expr(prop->visible.expr);
	}

	/* For choice members dir_dep.tri is not calculated by the parser, so do it here. */
	fprintf(out, "],\"dependsValue\":\"%s\",\"depends\":",
		tristate_text(expr_calc_value(sym->dir_dep.expr)));
	put_expr(sym->dir_dep.expr);
	enqueue_expr(sym->dir_dep.expr);

	fputs(",\"defaults\":[", out);
	first = true;
	for_all_defaults(sym, prop) {
		fprintf(out, "%s{\"active\":\"%s\"", first ? "" : ",",
			tristate_text(expr_calc_value(prop->visible.expr)));
		first = false;
		put_position(file_of(prop), prop->lineno);
		fputs(",\"default\":", out);
		put_expr(prop->expr);
		fputs(",\"condition\":", out);
		put_expr(prop->visible.expr);
		putc('}', out);
		enqueue_expr(prop->expr);
		enqueue_expr(prop->visible.expr);
	}

	fputs("],\"ranges\":[", out);
	first = true;
	for_all_properties(sym, prop, P_RANGE) {
		fprintf(out, "%s{\"active\":\"%s\",\"low\":", first ? "" : ",",
			tristate_text(expr_calc_value(prop->visible.expr)));
		first = false;
		put_operand(prop->expr->left.sym);
		fputs(",\"high\":", out);
		put_operand(prop->expr->right.sym);
		put_position(file_of(prop), prop->lineno);
		putc('}', out);
		enqueue_expr(prop->expr);
	}
	putc(']', out);

	put_key_terms("selectedBy", sym->rev_dep.expr);
	put_key_terms("impliedBy", sym->implied.expr);
	put_choice(sym);
	fputs("}\n", out);
}

static void ask(const char *name)
{
	/* sym_find() instead of sym_lookup(): the latter makes up a symbol that is not there. */
	struct symbol *sym = sym_find(name);

	if (sym) {
		enqueue(sym);
		return;
	}
	fputs("{\"symbol\":", out);
	put_string(name);
	fputs(",\"defined\":false}\n", out);
}

static void ask_file(const char *path)
{
	char name[SYMBOL_MAXLENGTH];
	FILE *in = fopen(path, "r");

	if (!in) {
		fprintf(stderr, "symbol_dump: cannot read %s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (fgets(name, sizeof(name), in)) {
		name[strcspn(name, "\r\n")] = '\0';
		if (name[0])
			ask(name);
	}
	fclose(in);
}

static void put_names(void)
{
	struct symbol *sym;
	bool first = true;
	int i;

	fputs("{\"names\":[", out);
	each_symbol(i, sym) {
		if (!sym->name || sym->flags & SYMBOL_CONST || sym->type == S_UNKNOWN)
			continue;
		if (!first)
			putc(',', out);
		first = false;
		put_string(sym->name);
	}
	fputs("]}\n", out);
}

int main(int argc, char **argv)
{
	const char *symbols = NULL, *output = NULL;
	bool names = false, settled;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--names"))
			names = true;
		else if (!strcmp(argv[i], "--symbols") && i + 1 < argc)
			symbols = argv[++i];
		else if (!strcmp(argv[i], "--output") && i + 1 < argc)
			output = argv[++i];
		else
			break;
	}
	if (i >= argc || argv[i][0] == '-') {
		fprintf(stderr, "usage: symbol_dump [--names] [--symbols FILE] [--output FILE] "
				"KCONFIG [SYMBOL...]\n");
		return 2;
	}

	/* Opened first: parsing a Kconfig file may print to stdout by $(info,...). */
	out = output ? fopen(output, "w") : stdout;
	if (!out) {
		fprintf(stderr, "symbol_dump: cannot write %s: %s\n", output, strerror(errno));
		return 2;
	}

	conf_parse(argv[i++]);
	if (conf_read(NULL)) {
		fprintf(stderr, "symbol_dump: cannot read %s\n", conf_get_configname());
		return 1;
	}
	settled = !conf_get_changed();

	fprintf(out, "{\"symbolDump\":1,\"settled\":%s", settled ? "true" : "false");
	put_key_string("kernelVersion", getenv("KERNELVERSION"));
	put_key_string("compiler", getenv("CC"));
	put_key_string("compilerVersion", getenv("CC_VERSION_TEXT"));
	fputs("}\n", out);
	if (names)
		put_names();
	if (symbols)
		ask_file(symbols);
	for (; i < argc; i++)
		ask(argv[i]);
	while (dumped < queued)
		put_symbol(queue[dumped++]);

	/* Without it a dump that was cut short would pass for a whole one. */
	fprintf(out, "{\"end\":%zu}\n", dumped);
	if (fflush(out) || ferror(out)) {
		fprintf(stderr, "symbol_dump: cannot write the dump: %s\n", strerror(errno));
		return 2;
	}
	return 0;
}
