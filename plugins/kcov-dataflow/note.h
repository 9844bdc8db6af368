// SPDX-License-Identifier: MIT
//
// What is known of parameters before anything is optimized, noted for the pass that inserts calls. All
// that decides about notes stands in headers, and so does what -kcov-dataflow-note-only does: IR that is
// made so is kept as long as they are the same, and another version of the rest inserts into it
// (docs/late-instrumentation.md).

#ifndef KCOV_DATAFLOW_NOTE_H
#define KCOV_DATAFLOW_NOTE_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/BinaryFormat/Dwarf.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"

namespace kcov_dataflow {

using namespace llvm;

// ── What a function's IR arguments are in the source ────────────────────────────────────────────

/// On a function: "<registers of the return value>;<parameter>,<parameter>…", where a parameter is
/// the number of its IR arguments, or "o" for the address of an object that was passed by value.
/// On an IR argument: "<parameter>.<which of its registers>".
constexpr StringLiteral NoteKind = "kcov-dataflow";

struct Parameter {
  /// 0 for what no register and no memory is used for, such as an empty structure.
  unsigned Registers = 0;
  /// The IR argument is the address of the caller's copy.
  bool IsObject = false;
};

struct Note {
  unsigned ReturnRegisters = 0;
  SmallVector<Parameter, 8> Parameters;
};

inline std::string asText(const Note &N) {
  std::string Text = utostr(N.ReturnRegisters) + ";";
  ListSeparator Comma(",");
  for (const Parameter &P : N.Parameters)
    Text += (Twine(StringRef(Comma)) + (P.IsObject ? Twine("o") : Twine(P.Registers))).str();
  return Text;
}

inline Note readNote(StringRef Text) {
  Note N;
  auto [Return, List] = Text.split(';');
  Return.getAsInteger(10, N.ReturnRegisters);
  SmallVector<StringRef, 8> Words;
  List.split(Words, ',', -1, /*KeepEmpty=*/false);
  for (StringRef Word : Words) {
    Parameter P{1, Word == "o"};
    if (!P.IsObject) Word.getAsInteger(10, P.Registers);
    N.Parameters.push_back(P);
  }
  return N;
}

inline unsigned returnRegisters(const Type *T) {
  if (T->isVoidTy()) return 0;
  const auto *S = dyn_cast<StructType>(T);
  return S ? S->getNumElements() : 1;
}

/// The variable into which clang puts an argument first; the registers of one structure share it.
inline const AllocaInst *variableOf(const Argument &A) {
  const Value *V = &A;
  while (V->hasOneUse()) {
    const User *U = V->user_back();
    if (const auto *S = dyn_cast<StoreInst>(U))
      return dyn_cast<AllocaInst>(getUnderlyingObject(S->getPointerOperand()));
    if (!isa<CastInst>(U)) break; // a bool is widened on its way
    V = U;
  }
  return nullptr;
}

/// The type behind typedefs and qualifiers.
inline const DIType *strip(const DIType *T) {
  while (const auto *D = dyn_cast_or_null<DIDerivedType>(T)) {
    switch (D->getTag()) {
    case dwarf::DW_TAG_typedef:
    case dwarf::DW_TAG_const_type:
    case dwarf::DW_TAG_volatile_type:
    case dwarf::DW_TAG_restrict_type:
    case dwarf::DW_TAG_atomic_type:
      T = D->getBaseType();
      continue;
    default:
      return T;
    }
  }
  return T;
}

/// The types of the source, the return value's first; none where debug information does not say.
inline SmallVector<const DIType *, 8> sourceTypes(const Function &F) {
  SmallVector<const DIType *, 8> Types;
  const DISubprogram *SP = F.getSubprogram();
  if (!SP || !SP->getType()) return Types;
  for (const DIType *T : SP->getType()->getTypeArray()) Types.push_back(T);
  // What stands for "..." or for an empty list of names.
  if (Types.size() > 1 && !Types.back()) Types.pop_back();
  return Types;
}

/// A structure without a member that has bytes is no argument, but counts in the source. It may have a
/// size of its own, from bit-fields without a name.
inline bool isEmpty(const DIType *T) {
  const auto *S = dyn_cast_or_null<DICompositeType>(strip(T));
  if (!S || S->isForwardDecl()) return false;
  if (S->getSizeInBits() == 0) return true;
  if (S->getTag() == dwarf::DW_TAG_array_type) return isEmpty(S->getBaseType());
  if (S->getTag() != dwarf::DW_TAG_structure_type && S->getTag() != dwarf::DW_TAG_union_type)
    return false;
  return all_of(S->getElements(), [](const DINode *Element) {
    const auto *Member = dyn_cast<DIDerivedType>(Element);
    return Member && Member->getTag() == dwarf::DW_TAG_member && isEmpty(Member->getBaseType());
  });
}

/// The IR argument is the address of the caller's copy: on the stack, or wherever the convention has
/// the caller pass a pointer instead of the object.
inline bool isCopied(const Argument &A) {
  return A.hasByValAttr() || A.hasAttribute(Attribute::DeadOnReturn);
}

inline void noteFunction(Function &F) {
  SmallVector<SmallVector<Argument *, 2>, 8> Groups;
  const AllocaInst *Last = nullptr;
  for (Argument &A : F.args()) {
    if (A.hasStructRetAttr()) continue;
    const AllocaInst *Variable = variableOf(A);
    if (Variable && Variable == Last)
      Groups.back().push_back(&A);
    else
      Groups.push_back({&A});
    Last = Variable;
  }
  SmallVector<const DIType *, 8> Types = sourceTypes(F);
  unsigned Empty = count_if(drop_begin(Types, !Types.empty()), isEmpty);
  bool IsKnown = Types.size() == 1 + Groups.size() + Empty;

  Note N{returnRegisters(F.getReturnType()), {}};
  for (ArrayRef<Argument *> Group : Groups) {
    while (IsKnown && isEmpty(Types[1 + N.Parameters.size()])) N.Parameters.push_back({});
    for (auto [Register, A] : enumerate(Group)) {
      std::string Place = (Twine(N.Parameters.size()) + "." + Twine(Register)).str();
      F.addParamAttr(A->getArgNo(), Attribute::get(F.getContext(), NoteKind, Place));
    }
    N.Parameters.push_back({unsigned(Group.size()), isCopied(*Group.front())});
  }
  if (IsKnown) N.Parameters.resize(Types.size() - 1);
  F.addFnAttr(NoteKind, asText(N));
}

inline void forgetNote(Function &F) {
  F.removeFnAttr(NoteKind);
  for (Argument &A : F.args()) F.removeParamAttr(A.getArgNo(), NoteKind);
}

// ── The pass ────────────────────────────────────────────────────────────────────────────────────

inline cl::opt<bool> NoteOnly("kcov-dataflow-note-only",
                              cl::desc("Note parameters and insert no call: for IR whose calls are "
                                       "inserted by opt -passes=kcov-dataflow-insert"));

/// Of a module whose functions are noted.
constexpr StringLiteral NotedKind = "kcov-dataflow.noted";

struct NotePass : PassInfoMixin<NotePass> {
  PreservedAnalyses run(Module &M, ModuleAnalysisManager &) {
    for (Function &F : M)
      if (!F.isDeclaration()) noteFunction(F);
    M.getOrInsertNamedMetadata(NotedKind);
    return PreservedAnalyses::none();
  }
  static bool isRequired() { return true; }
};

inline void registerNotes(PassBuilder &Builder) {
  Builder.registerPipelineStartEPCallback(
      [](ModulePassManager &Passes, OptimizationLevel) { Passes.addPass(NotePass()); });
}

} // namespace kcov_dataflow

#endif
