// SPDX-License-Identifier: MIT
//
// KCOV dataflow: a pass plugin for the stock clang that reports arguments and return values.
//
//   void __sanitizer_cov_trace_args(u32 index, u32 size, u64 value, const u64 *table, u32 pairs);
//   void __sanitizer_cov_trace_ret(u32 size, u64 value, const u64 *table, u32 pairs);
//
// docs/dataflow.md ("The plugin") says what a call means. Two passes do it. The first runs before any
// optimization and notes, as attributes, which parameter of the source each IR argument is (note.h):
// later passes remove, split and add arguments, and copy the attributes of those that they keep. The
// second runs behind the optimizer and inserts the calls.

#include "note.h"
#include "llvm-c/Core.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/BinaryFormat/Dwarf.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/Utils/BuildLibCalls.h"
#if __has_include("llvm/Plugins/PassPlugin.h")
#include "llvm/Plugins/PassPlugin.h"
#else
#include "llvm/Passes/PassPlugin.h"
#endif
#include <cstdlib>

using namespace llvm;
using namespace kcov_dataflow;

namespace {

/// How the two callbacks are called: ours, or an earlier one that was published.
enum class Form { Own, PostedPc, PostedPointer };

/// Most pairs that a table may be asked to have: KCOV_DATAFLOW_MAX_FIELDS ends there, too.
constexpr unsigned MostFields = 64;

cl::opt<bool> TraceArgs("kcov-dataflow-args",
                        cl::desc("Call __sanitizer_cov_trace_args() for each parameter"));
cl::opt<bool> TraceRet("kcov-dataflow-ret",
                       cl::desc("Call __sanitizer_cov_trace_ret() before each return"));
cl::opt<unsigned> MaxFields("kcov-dataflow-fields", cl::init(16),
                            cl::desc("Most members that a table describes; 0: values only"));
cl::opt<bool> PrintStats("kcov-dataflow-stats", cl::desc("Print what was inserted into each file"));
cl::opt<Form> CallForm(
    "kcov-dataflow-form", cl::desc("Parameters of the callbacks"), cl::init(Form::Own),
    cl::values(clEnumValN(Form::Own, "own", "(index,) size, value, table, pairs"),
               clEnumValN(Form::PostedPc, "posted-pc", "the function's address in front of that"),
               clEnumValN(Form::PostedPointer, "posted-pointer",
                          "the function's address, and values by their address")));

/// What a compilation leaves in .comment, in front of its counts.
constexpr StringLiteral Mark = "kcov-dataflow 1:";

bool isActive() { return TraceArgs || TraceRet; }

// ── What is left of parameters ──────────────────────────────────────────────────────────────────

/// IR arguments by parameter and register, null where it was removed.
using Registers = SmallVector<SmallVector<Argument *, 2>, 8>;

Registers findRegisters(Function &F, const Note &N) {
  Registers Found;
  for (const Parameter &P : N.Parameters) Found.emplace_back(std::max(1U, P.Registers), nullptr);
  for (Argument &A : F.args()) {
    Attribute Place = A.getAttributes().getAttribute(NoteKind);
    if (!Place.isValid()) continue;
    unsigned Index = 0, Register = 0;
    auto [Left, Right] = Place.getValueAsString().split('.');
    if (!Left.getAsInteger(10, Index) && !Right.getAsInteger(10, Register) &&
        Index < Found.size() && Register < Found[Index].size())
      Found[Index][Register] = &A;
  }
  return Found;
}

/// Whether a caller in this file, who knows the function, passes an operand like this.
bool isPassed(const Argument &A, function_ref<bool(const Value *)> IsSuch) {
  return any_of(A.getParent()->uses(), [&](const Use &U) {
    const auto *Call = dyn_cast<CallBase>(U.getUser());
    return Call && Call->isCallee(&U) && A.getArgNo() < Call->arg_size() &&
           IsSuch(Call->getArgOperand(A.getArgNo()));
  });
}

/// A caller passes nothing in particular: what the register holds is not the argument.
bool mayBeUndefined(const Argument &A) {
  return isPassed(A, [](const Value *V) { return isa<UndefValue>(V); });
}

bool mayRead(const Function &F, IRMemLocation Location) {
  return isRefSet(F.getMemoryEffects().getModRef(Location));
}

/// A caller who knows that nothing is read behind this pointer may have written nothing there.
bool mayBeUnwritten(const Argument &A) {
  bool IsRead = mayRead(*A.getParent(), IRMemLocation::ArgMem) &&
                !A.hasAttribute(Attribute::ReadNone) && !A.hasAttribute(Attribute::WriteOnly) &&
                !A.hasAttribute(Attribute::Initializes);
  return !IsRead && isPassed(A, [](const Value *) { return true; });
}

/// The same of a pointer that the function returns.
bool mayBeUnwritten(const Function &F, const Value *Returned) {
  bool IsCalled = any_of(F.uses(), [](const Use &U) {
    const auto *Call = dyn_cast<CallBase>(U.getUser());
    return Call && Call->isCallee(&U);
  });
  if (!IsCalled) return false;
  SmallVector<const Value *, 4> Objects;
  getUnderlyingObjects(Returned, Objects);
  return any_of(Objects, [&](const Value *Object) {
    if (const auto *A = dyn_cast<Argument>(Object)) return mayBeUnwritten(*A);
    bool IsNumber = isa<Constant>(Object) && !isa<GlobalValue>(Object); // null, an error
    return !IsNumber && !mayRead(F, IRMemLocation::Other);
  });
}

// ── Which functions ─────────────────────────────────────────────────────────────────────────────

bool isWanted(const Function &F) {
  if (F.isDeclaration() || F.hasAvailableExternallyLinkage()) return false;
  // No source has it: asan.module_ctor, sancov.module_ctor, what a pass has split off.
  if (!F.hasFnAttribute(NoteKind)) return false;
  if (F.hasFnAttribute(Attribute::NoSanitizeCoverage) ||
      F.hasFnAttribute(Attribute::DisableSanitizerInstrumentation) ||
      F.hasFnAttribute(Attribute::Naked))
    return false;
  // Without a -fsanitize-coverage= of its own, clang drops the attribute of noinstr functions.
  StringRef Section = F.getSection();
  if (Section.starts_with(".noinstr") || Section == ".entry.text" ||
      Section == ".cpuidle.text" || Section == ".head.text")
    return false;
  if (F.getName().starts_with("__sanitizer_")) return false;
  // Nothing can run to its end, nor through it into the next function, where it is empty.
  return !isa<UnreachableInst>(*F.getEntryBlock().getFirstNonPHIOrDbg());
}

// ── The calls ───────────────────────────────────────────────────────────────────────────────────

/// One report: a value, an object, or that nothing is known.
struct Report {
  /// In bytes; 0 where nothing is known.
  unsigned Size = 0;
  /// The value as 64 bits.
  Value *Bits = nullptr;
  /// All of a value that has more, as a number; else null.
  Value *Wide = nullptr;
  /// The address of an object that Table describes, else null.
  Value *Object = nullptr;
  GlobalVariable *Table = nullptr;
  unsigned Pairs = 0;
};

struct Counts {
  unsigned Functions = 0, Args = 0, Lost = 0, Rets = 0, Tables = 0, Fields = 0;
  /// Returns that follow a musttail call.
  unsigned Unreported = 0;

  std::string text() const {
    return (Mark + " functions=" + Twine(Functions) + " args=" + Twine(Args) +
            " lost=" + Twine(Lost) + " rets=" + Twine(Rets) + " tables=" + Twine(Tables) +
            " fields=" + Twine(Fields))
        .str();
  }
};

/// Tables of pairs {offset, size} of the members of structures and unions, one for each content.
class Tables {
public:
  Tables(Module &M, Counts &Count) : M(M), Count(Count) {}

  /// Makes an object at an address a report, or leaves it as it is where no table can describe it.
  void describe(Report &R, const DIType *Type, Value *Address) {
    const auto *S = dyn_cast_or_null<DICompositeType>(strip(Type));
    if (!S || S->isForwardDecl()) return;
    SmallVector<uint64_t, 32> Words = pairsOf(*S);
    if (Words.empty()) return;
    R.Size = std::min<uint64_t>(S->getSizeInBits() / 8, UINT32_MAX);
    R.Object = Address;
    R.Table = tableOf(Words);
    R.Pairs = Words.size() / 2;
  }

private:
  static SmallVector<uint64_t, 32> pairsOf(const DICompositeType &S) {
    SmallVector<uint64_t, 32> Words;
    if (S.getTag() != dwarf::DW_TAG_structure_type && S.getTag() != dwarf::DW_TAG_union_type)
      return Words;
    for (const DINode *Element : S.getElements()) {
      const auto *Member = dyn_cast<DIDerivedType>(Element);
      if (!Member || Member->getTag() != dwarf::DW_TAG_member) continue;
      // Empty structures and arrays, flexible ones among them.
      if (Member->getSizeInBits() == 0) continue;
      if (Words.size() / 2 == MaxFields) break;
      uint64_t First = Member->getOffsetInBits() / 8;
      uint64_t Behind = divideCeil(Member->getOffsetInBits() + Member->getSizeInBits(), 8);
      Words.append({First, Behind - First});
    }
    return Words;
  }

  GlobalVariable *tableOf(ArrayRef<uint64_t> Words) {
    Constant *Content = ConstantDataArray::get(M.getContext(), Words);
    GlobalVariable *&Table = Known[Content];
    if (Table) return Table;
    Table = new GlobalVariable(M, Content->getType(), /*isConstant=*/true,
                               GlobalValue::PrivateLinkage, Content, "kcov_dataflow_table");
    Table->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
    Table->setAlignment(Align(8));
    // No sanitizer puts redzones around it.
    GlobalValue::SanitizerMetadata Plain;
    Plain.NoAddress = Plain.NoHWAddress = true;
    Table->setSanitizerMetadata(Plain);
    ++Count.Tables;
    Count.Fields += Words.size() / 2;
    return Table;
  }

  Module &M;
  Counts &Count;
  DenseMap<Constant *, GlobalVariable *> Known;
};

/// Inserts the calls into one function.
class Inserter {
public:
  Inserter(Function &F, Tables &Descriptions, Counts &Count)
      : F(F), C(F.getContext()), DL(F.getDataLayout()), Descriptions(Descriptions), Count(Count),
        N(readNote(F.getFnAttribute(NoteKind).getValueAsString())), Types(sourceTypes(F)) {
    // Debug information of another shape says nothing.
    if (Types.size() != 1 + N.Parameters.size()) Types.truncate(std::min<size_t>(Types.size(), 1));
  }

  bool run() {
    unsigned Before = Count.Args + Count.Lost + Count.Rets;
    if (TraceRet) reportReturns();
    if (TraceArgs) reportParameters();
    if (Count.Args + Count.Lost + Count.Rets == Before) return false;
    ++Count.Functions;
    // What was found out about the body holds no longer.
    F.removeFnAttr(Attribute::Memory);
    F.removeFnAttr(Attribute::Speculatable);
    // In a function that several share, the calls would be those of nobody.
    F.addFnAttr("nooutline");
    return true;
  }

private:
  Function &F;
  LLVMContext &C;
  const DataLayout &DL;
  Tables &Descriptions;
  Counts &Count;
  const Note N;
  SmallVector<const DIType *, 8> Types;
  AllocaInst *Slot = nullptr;
  GlobalAlias *Alias = nullptr;

  const DIType *sourceType(unsigned Index) const {
    return Index < Types.size() ? Types[Index] : nullptr;
  }

  void reportParameters() {
    BasicBlock &Entry = F.getEntryBlock();
    IRBuilder<> B(&Entry, Entry.getFirstNonPHIOrDbgOrAlloca());
    DISubprogram *SP = F.getSubprogram();
    B.SetCurrentDebugLocation(SP ? DILocation::get(C, SP->getScopeLine(), 0, SP) : nullptr);
    for (auto [Index, Arguments] : enumerate(findRegisters(F, N))) {
      const Parameter &P = N.Parameters[Index];
      for (Argument *A : Arguments) {
        Report R;
        if (A && !mayBeUndefined(*A)) {
          const DIType *Source = sourceType(1 + Index);
          if (P.Registers != 1 || (A->getType()->isPointerTy() && mayBeUnwritten(*A)))
            Source = nullptr;
          if (P.IsObject)
            reportObject(R, A, Source);
          else
            reportValue(B, R, A, Source);
        }
        ++(R.Size ? Count.Args : Count.Lost);
        call(B, "__sanitizer_cov_trace_args", R, B.getInt32(Index));
      }
    }
  }

  void reportReturns() {
    for (BasicBlock &Block : F) {
      auto *Return = dyn_cast<ReturnInst>(Block.getTerminator());
      if (!Return) continue;
      if (Block.getTerminatingMustTailCall()) {
        ++Count.Unreported;
        continue;
      }
      IRBuilder<> B(Return);
      DISubprogram *SP = F.getSubprogram();
      if (SP && !Return->getDebugLoc())
        B.SetCurrentDebugLocation(DILocation::get(C, SP->getScopeLine(), 0, SP));
      for (const Report &R : returned(B, Return->getReturnValue())) {
        ++Count.Rets;
        call(B, "__sanitizer_cov_trace_ret", R, nullptr);
      }
    }
  }

  /// A report for each register of the value, and one where there is no value.
  SmallVector<Report, 2> returned(IRBuilder<> &B, Value *V) {
    SmallVector<Report, 2> Reports(std::max(1U, N.ReturnRegisters));
    if (!V) {
      Argument *Memory = F.arg_empty() ? nullptr : F.getArg(0);
      if (Memory && Memory->hasStructRetAttr())
        reportObject(Reports[0], Memory, sourceType(0));
      else if (CallForm != Form::Own && N.ReturnRegisters == 0)
        Reports.clear(); // the published passes say nothing of functions without a value
      return Reports;
    }
    // An optimizer has taken registers away: which ones, nobody knows.
    if (returnRegisters(V->getType()) != N.ReturnRegisters) return Reports;
    if (!V->getType()->isStructTy()) {
      bool IsStale = V->getType()->isPointerTy() && mayBeUnwritten(F, V);
      reportValue(B, Reports[0], V, IsStale ? nullptr : sourceType(0));
      return Reports;
    }
    for (auto [Register, R] : enumerate(Reports)) {
      unsigned Place = Register;
      Value *Known = FindInsertedValue(V, Place);
      reportValue(B, R, Known ? Known : B.CreateExtractValue(V, Place), nullptr);
    }
    return Reports;
  }

  void reportObject(Report &R, Value *Address, const DIType *Source) {
    Descriptions.describe(R, Source, Address);
  }

  void reportValue(IRBuilder<> &B, Report &R, Value *V, const DIType *Source) {
    if (isa<UndefValue>(V)) return;
    Type *T = V->getType();
    if (!T->isPointerTy() && !T->isIntOrIntVectorTy() && !T->isFPOrFPVectorTy()) return;
    TypeSize Bits = DL.getTypeSizeInBits(T);
    if (Bits.isScalable()) return;
    R.Size = divideCeil(Bits.getFixedValue(), 8);
    if (T->isPointerTy()) {
      R.Bits = B.CreatePtrToInt(V, B.getInt64Ty());
      // Behind another address space, the number alone is no address.
      if (T->getPointerAddressSpace() != 0) return;
      const auto *D = dyn_cast_or_null<DIDerivedType>(strip(Source));
      if (D && D->getTag() == dwarf::DW_TAG_pointer_type)
        Descriptions.describe(R, D->getBaseType(), V);
      return;
    }
    if (!T->isIntegerTy()) V = B.CreateBitCast(V, B.getIntNTy(Bits.getFixedValue()));
    R.Bits = B.CreateZExtOrTrunc(V, B.getInt64Ty());
    if (Bits.getFixedValue() > 64) R.Wide = V;
  }

  /// The value as the form wants it: as 64 bits, or the address of an object or of a slot.
  Value *valueOf(IRBuilder<> &B, const Report &R) {
    if (CallForm != Form::PostedPointer) {
      if (R.Object) return B.CreatePtrToInt(R.Object, B.getInt64Ty());
      return R.Size ? R.Bits : B.getInt64(0);
    }
    if (R.Object) return R.Object;
    if (!R.Size) return ConstantPointerNull::get(B.getPtrTy());
    if (R.Wide) return stored(B, R.Wide, slotOf(R.Wide->getType()));
    if (!Slot) Slot = slotOf(B.getInt64Ty());
    return stored(B, R.Bits, Slot);
  }

  AllocaInst *slotOf(Type *T) {
    Align Alignment = std::max(Align(8), DL.getABITypeAlign(T));
    return new AllocaInst(T, DL.getAllocaAddrSpace(), nullptr, Alignment, "kcov.dataflow",
                          F.getEntryBlock().begin());
  }

  static Value *stored(IRBuilder<> &B, Value *V, AllocaInst *Place) {
    B.CreateStore(V, Place);
    return Place;
  }

  /// This code by a name that the linker leaves alone: that of a weak function may come to be another's.
  Constant *ownAddress() {
    if (!F.isWeakForLinker()) return &F;
    if (!Alias)
      Alias = GlobalAlias::create(F.getValueType(), F.getAddressSpace(),
                                  GlobalValue::PrivateLinkage, F.getName() + ".kcov.dataflow", &F,
                                  F.getParent());
    return Alias;
  }

  void call(IRBuilder<> &B, StringRef Name, const Report &R, Value *Index) {
    SmallVector<Value *, 6> Operands;
    if (CallForm != Form::Own)
      Operands.push_back(B.CreatePtrToInt(ownAddress(), B.getInt64Ty()));
    if (Index) Operands.push_back(Index);
    Operands.append({B.getInt32(R.Size), valueOf(B, R),
                     R.Table ? cast<Constant>(R.Table) : ConstantPointerNull::get(B.getPtrTy()),
                     B.getInt32(R.Pairs)});
    SmallVector<Type *, 6> Parameters;
    AttributeList Attributes = AttributeList().addFnAttribute(C, Attribute::NoUnwind);
    for (auto [At, Operand] : enumerate(Operands)) {
      Parameters.push_back(Operand->getType());
      if (Operand->getType()->isIntegerTy(32))
        Attributes = Attributes.addParamAttribute(C, At, Attribute::ZExt);
    }
    auto *Callback = FunctionType::get(B.getVoidTy(), Parameters, /*isVarArg=*/false);
    FunctionCallee Callee = F.getParent()->getOrInsertFunction(Name, Callback, Attributes);
    CallInst *Call = B.CreateCall(Callee, Operands);
    Call->setAttributes(Attributes);
    markRegisters(*Call, dyn_cast<Function>(Callee.getCallee()));
    // The callback tells functions and returns apart by its return address.
    Call->setTailCallKind(CallInst::TCK_NoTail);
    Call->setCannotMerge();
  }

  /// -mregparm= passes the first parameters in registers.
  static void markRegisters(CallInst &Call, Function *Callback) {
    if (!Callback || Callback->arg_size() != Call.arg_size()) return;
    markRegisterParameterAttributes(Callback);
    for (const Argument &A : Callback->args())
      if (A.hasInRegAttr()) Call.addParamAttr(A.getArgNo(), Attribute::InReg);
  }
};

// ── The passes ──────────────────────────────────────────────────────────────────────────────────

/// IR that was made with calls in it (-emit-llvm) would get each of them twice.
bool isInstrumented(const Module &M) {
  const NamedMDNode *Strings = M.getNamedMetadata("llvm.ident");
  return Strings && any_of(Strings->operands(), [](const MDNode *One) {
    const auto *Text = One->getNumOperands() ? dyn_cast<MDString>(One->getOperand(0)) : nullptr;
    return Text && Text->getString().starts_with(Mark);
  });
}

/// What cannot be is told before anything is optimized.
struct CheckPass : PassInfoMixin<CheckPass> {
  PreservedAnalyses run(Module &M, ModuleAnalysisManager &) {
    if (MaxFields > MostFields)
      M.getContext().emitError("-kcov-dataflow-fields=" + Twine(MaxFields.getValue()) +
                               ": at most " + Twine(MostFields) +
                               " members of a structure can be reported");
    if (isInstrumented(M))
      M.getContext().emitError(M.getSourceFileName() +
                               ": this IR has calls of kcov-dataflow already: compile it without the "
                               "plugin's options");
    return PreservedAnalyses::all();
  }
  static bool isRequired() { return true; }
};

struct InsertPass : PassInfoMixin<InsertPass> {
  PreservedAnalyses run(Module &M, ModuleAnalysisManager &) {
    if (!isActive()) return PreservedAnalyses::all();
    NamedMDNode *Noted = M.getNamedMetadata(NotedKind);
    if (!Noted) {
      // Told by the check where the calls were there before.
      if (!isInstrumented(M))
        M.getContext().emitError(M.getSourceFileName() +
                                 ": this IR has no notes of kcov-dataflow: compile it with "
                                 "-kcov-dataflow-note-only");
      return PreservedAnalyses::all();
    }
    Noted->eraseFromParent();
    Counts Count;
    Tables Descriptions(M, Count);
    for (Function &F : M) {
      if (isWanted(F)) Inserter(F, Descriptions, Count).run();
      forgetNote(F);
    }
    MDString *Told = MDString::get(M.getContext(), Count.text());
    // Each operand becomes a string of the object's .comment.
    M.getOrInsertNamedMetadata("llvm.ident")->addOperand(MDNode::get(M.getContext(), Told));
    if (PrintStats)
      errs() << M.getSourceFileName() << ": " << Count.text() << ", not reported behind musttail "
             << Count.Unreported << "\n";
    return PreservedAnalyses::none();
  }
  static bool isRequired() { return true; }
};

/// Behind the insertion the linker's optimizer would inline and change what has been instrumented.
struct RefuseLinkTimePass : PassInfoMixin<RefuseLinkTimePass> {
  PreservedAnalyses run(Module &M, ModuleAnalysisManager &) {
    M.getContext().emitError("kcov-dataflow cannot instrument what is optimized when it is linked "
                             "(-flto): functions would be inlined with their calls");
    return PreservedAnalyses::all();
  }
  static bool isRequired() { return true; }
};

void registerPasses(PassBuilder &Builder) {
  if (NoteOnly) return registerNotes(Builder);
  if (isActive()) {
    Builder.registerPipelineStartEPCallback(
        [](ModulePassManager &Passes, OptimizationLevel) { Passes.addPass(CheckPass()); });
    registerNotes(Builder);
    Builder.registerOptimizerLastEPCallback(
        [](ModulePassManager &Passes, OptimizationLevel Level, ThinOrFullLTOPhase Phase) {
          if (Phase != ThinOrFullLTOPhase::None) Passes.addPass(RefuseLinkTimePass());
          // What would be removed behind the insertion is removed before, for it does not count.
          if (Level != OptimizationLevel::O0) Passes.addPass(GlobalDCEPass());
          Passes.addPass(InsertPass());
        });
  }
  Builder.registerPipelineParsingCallback(
      [](StringRef Name, ModulePassManager &Passes, ArrayRef<PassBuilder::PipelineElement>) {
        if (Name != "kcov-dataflow-note" && Name != "kcov-dataflow-insert") return false;
        Passes.addPass(CheckPass());
        if (Name == "kcov-dataflow-note")
          Passes.addPass(NotePass());
        else
          Passes.addPass(InsertPass());
        return true;
      });
}

/// Classes of LLVM change from one version to the next, and nothing else would notice.
void refuseOtherVersions() {
  unsigned Major, Minor, Patch;
  LLVMGetVersion(&Major, &Minor, &Patch);
  if (Major == LLVM_VERSION_MAJOR && Minor == LLVM_VERSION_MINOR && Patch == LLVM_VERSION_PATCH)
    return;
  errs() << "error: the plugin kcov-dataflow was compiled for LLVM " LLVM_VERSION_STRING
            " and is loaded by LLVM "
         << Major << "." << Minor << "." << Patch << "; compile it again\n";
  exit(1);
}

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo llvmGetPassPluginInfo() {
  refuseOtherVersions();
  return {LLVM_PLUGIN_API_VERSION, "kcov-dataflow", "1", registerPasses};
}
