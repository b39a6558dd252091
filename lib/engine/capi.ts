/**
 * TensorFlow's C API (`tensorflow/c/c_api.h` and `tensorflow/c/eager/c_api.h`), opened through Deno's FFI from the
 * two libraries that every TensorFlow wheel carries. Nothing here knows about TensorFlow.js.
 *
 * @module
 */

import { quoted, UserError } from "../errors.ts";
import { loadInPasses, nvidiaLibraries } from "./nvidia.ts";

/** TensorFlow's numbers for element types (`TF_DataType`). */
export const DType = {
  FLOAT: 1,
  INT32: 3,
  UINT8: 4,
  STRING: 7,
  COMPLEX64: 8,
  INT64: 9,
  BOOL: 10,
  BFLOAT16: 14,
  UINT16: 17,
  HALF: 19,
  RESOURCE: 20,
} as const;

/** Bytes of one element, by element type. */
export const BYTES: Readonly<Record<number, number>> = {
  [DType.FLOAT]: 4,
  [DType.INT32]: 4,
  [DType.UINT8]: 1,
  [DType.COMPLEX64]: 8,
  [DType.INT64]: 8,
  [DType.BOOL]: 1,
  [DType.BFLOAT16]: 2,
  [DType.UINT16]: 2,
  [DType.HALF]: 2,
};

const P = "pointer";
const B = "buffer";
const OUTPUT = { struct: ["pointer", "i32"] } as const; // TF_Output: an operation and the number of its output

const SYMBOLS = {
  TF_Version: { parameters: [], result: P },
  TF_NewStatus: { parameters: [], result: P },
  TF_DeleteStatus: { parameters: [P], result: "void" },
  TF_GetCode: { parameters: [P], result: "i32" },
  TF_Message: { parameters: [P], result: P },
  TF_NewTensor: { parameters: ["i32", B, "i32", P, "usize", P, P], result: P },
  TF_AllocateTensor: { parameters: ["i32", B, "i32", "usize"], result: P },
  TF_TensorData: { parameters: [P], result: P },
  TF_TensorByteSize: { parameters: [P], result: "usize" },
  TF_TensorType: { parameters: [P], result: "i32" },
  TF_NumDims: { parameters: [P], result: "i32" },
  TF_Dim: { parameters: [P, "i32"], result: "i64" },
  TF_DeleteTensor: { parameters: [P], result: "void" },
  TFE_NewContextOptions: { parameters: [], result: P },
  TFE_ContextOptionsSetConfig: { parameters: [P, B, "usize", P], result: "void" },
  TFE_DeleteContextOptions: { parameters: [P], result: "void" },
  TFE_NewContext: { parameters: [P, P], result: P },
  TFE_ContextListDevices: { parameters: [P, P], result: P },
  TF_DeviceListCount: { parameters: [P], result: "i32" },
  TF_DeviceListType: { parameters: [P, "i32", P], result: P },
  TF_DeviceListMemoryBytes: { parameters: [P, "i32", P], result: "i64" },
  TF_DeleteDeviceList: { parameters: [P], result: "void" },
  TFE_ContextAddFunction: { parameters: [P, P, P], result: "void" },
  TFE_NewOp: { parameters: [P, B, P], result: P },
  TFE_DeleteOp: { parameters: [P], result: "void" },
  TFE_OpSetAttrType: { parameters: [P, B, "i32"], result: "void" },
  TFE_OpSetAttrBool: { parameters: [P, B, "u8"], result: "void" },
  TFE_OpSetAttrInt: { parameters: [P, B, "i64"], result: "void" },
  TFE_OpSetAttrFloat: { parameters: [P, B, "f32"], result: "void" },
  TFE_OpSetAttrString: { parameters: [P, B, B, "usize"], result: "void" },
  TFE_OpSetAttrIntList: { parameters: [P, B, B, "i32"], result: "void" },
  TFE_OpSetAttrShape: { parameters: [P, B, B, "i32", P], result: "void" },
  TFE_OpAddInput: { parameters: [P, P, P], result: "void" },
  TFE_Execute: { parameters: [P, B, B, P], result: "void" },
  executeApart: { name: "TFE_Execute", parameters: [P, B, B, P], result: "void", nonblocking: true },
  enableCollectives: { name: "TFE_EnableCollectiveOps", parameters: [P, B, "usize", P], result: "void", nonblocking: true },
  mallopt: { parameters: ["i32", "i32"], result: "i32", optional: true }, // glibc's own, which both libraries are linked to
  waitAtBarrier: { name: "TFE_WaitAtBarrier", parameters: [P, B, "i64", P], result: "void", nonblocking: true },
  TFE_NewTensorHandle: { parameters: [P, P], result: P },
  TFE_DeleteTensorHandle: { parameters: [P], result: "void" },
  TFE_TensorHandleNumDims: { parameters: [P, P], result: "i32" },
  TFE_TensorHandleDim: { parameters: [P, "i32", P], result: "i64" },
  TFE_TensorHandleDataType: { parameters: [P], result: "i32" },
  TFE_TensorHandleResolve: { parameters: [P, P], result: P },
  TFE_TensorHandleCopySharingTensor: { parameters: [P, P], result: P },
  TFE_TensorHandleCopyToDevice: { parameters: [P, P, B, P], result: P },
  TF_NewGraph: { parameters: [], result: P },
  TF_DeleteGraph: { parameters: [P], result: "void" },
  TF_NewOperation: { parameters: [P, B, B], result: P },
  TF_SetAttrType: { parameters: [P, B, "i32"], result: "void" },
  TF_SetAttrBool: { parameters: [P, B, "u8"], result: "void" },
  TF_SetAttrInt: { parameters: [P, B, "i64"], result: "void" },
  TF_SetAttrFloat: { parameters: [P, B, "f32"], result: "void" },
  TF_SetAttrString: { parameters: [P, B, B, "usize"], result: "void" },
  TF_SetAttrIntList: { parameters: [P, B, B, "i32"], result: "void" },
  TF_SetAttrShape: { parameters: [P, B, B, "i32"], result: "void" },
  TF_SetAttrTypeList: { parameters: [P, B, B, "i32"], result: "void" },
  TF_SetAttrFuncName: { parameters: [P, B, B, "usize"], result: "void" },
  TF_SetAttrTensor: { parameters: [P, B, P, P], result: "void" },
  TF_AddInput: { parameters: [P, OUTPUT], result: "void" },
  TF_AddInputList: { parameters: [P, B, "i32"], result: "void" },
  TF_FinishOperation: { parameters: [P, P], result: P },
  TF_OperationOutputType: { parameters: [OUTPUT], result: "i32" },
  TF_GraphSetTensorShape: { parameters: [P, OUTPUT, B, "i32", P], result: "void" },
  TF_GraphGetTensorNumDims: { parameters: [P, OUTPUT, P], result: "i32" },
  TF_GraphGetTensorShape: { parameters: [P, OUTPUT, B, "i32", P], result: "void" },
  TF_GraphToFunction: { parameters: [P, B, "u8", "i32", P, "i32", B, "i32", B, P, P, P, P], result: P },
  TF_GraphCopyFunction: { parameters: [P, P, P, P], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The opened C API: TensorFlow's functions, one status object, and its context. */
export interface CApi {
  /** The functions, by their C names. */
  readonly c: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  /** The one `TF_Status` that all calls report to. */
  readonly status: Deno.PointerValue;
  /** The eager context. */
  readonly context: Deno.PointerValue;
  /** TensorFlow's version, such as "2.21.0". */
  readonly version: string;
  /** Kinds of devices in this process, such as ["CPU"] or ["CPU", "GPU"]. */
  readonly devices: readonly string[];
  /** Bytes of the first GPU that TensorFlow may take; undefined without one. */
  readonly gpuMemory: number | undefined;
  /** Throws what the status says, when the last call failed. */
  check(doing: string): void;
  /** Makes a call on another thread, with a status of its own, and throws what that says. */
  apart(doing: string, call: (status: Deno.PointerValue) => Promise<void>): Promise<void>;
}

/** The file names of the two libraries on this system, in the order in which they must be opened. */
export const LIBRARY_FILES: readonly [string, string] = Deno.build.os === "darwin"
  ? ["libtensorflow_framework.2.dylib", "libtensorflow_cc.2.dylib"]
  : ["libtensorflow_framework.so.2", "libtensorflow_cc.so.2"];

const names = new Map<string, Uint8Array<ArrayBuffer>>();

/** A NUL-terminated string for C. Names recur at every call, so they are encoded once. */
export function cstring(text: string): Uint8Array<ArrayBuffer> {
  let bytes = names.get(text);
  if (!bytes) names.set(text, bytes = new TextEncoder().encode(text + "\0"));
  return bytes;
}

/**
 * Opens libtensorflow from a folder.
 *
 * @param folder the folder with the two libraries (a wheel's `tensorflow/`)
 * @param config a serialised `ConfigProto`
 * @returns the opened API
 * @throws Error when a library is missing or cannot be opened
 */
export function openTensorFlow(folder: string, config: Uint8Array<ArrayBuffer>): CApi {
  return withQuietStderr(() => {
    const [framework, cc] = LIBRARY_FILES.map((file) => `${folder}/${file}`) as [string, string];
    loadInPasses(nvidiaLibraries(`${folder}/../nvidia`), keepLoaded); // TensorFlow then finds them by name; task doctor says what fails
    keepLoaded(framework); // libtensorflow_cc finds the framework's symbols only when it is open already
    keepLoaded(cc);
    const c = Deno.dlopen(cc, SYMBOLS).symbols;
    const status = c.TF_NewStatus();
    const check = (doing: string) => {
      if (c.TF_GetCode(status) !== 0) throw failureOf(doing, text(c.TF_Message(status)));
    };
    const apart = async (doing: string, call: (status: Deno.PointerValue) => Promise<void>) => {
      const own = c.TF_NewStatus();
      await call(own);
      const failure = c.TF_GetCode(own) === 0 ? undefined : failureOf(doing, text(c.TF_Message(own)));
      c.TF_DeleteStatus(own);
      if (failure) throw failure;
    };
    const options = c.TFE_NewContextOptions();
    c.TFE_ContextOptionsSetConfig(options, config, BigInt(config.length), status);
    check("reading its configuration");
    const context = c.TFE_NewContext(options, status);
    check("opening its context");
    c.TFE_DeleteContextOptions(options);
    const list = c.TFE_ContextListDevices(context, status);
    const devices = Array.from({ length: c.TF_DeviceListCount(list) }, (_, i) => text(c.TF_DeviceListType(list, i, status)));
    const gpuMemory = devices.includes("GPU") ? Number(c.TF_DeviceListMemoryBytes(list, devices.indexOf("GPU"), status)) : undefined;
    c.TF_DeleteDeviceList(list);
    return { c, status, context, check, apart, version: text(c.TF_Version()), devices, gpuMemory };
  });
}

/** TensorFlow's own words; where it could not write down what XLA compiled, what to do. */
export function failureOf(doing: string, message: string): Error {
  const [, folder, why] = message.match(/^(?:\{\{.*?\}\} )?(.*)\/xla_compile_cache[^/]*\.tmp; (.*)/) ?? [];
  return folder === undefined ? new Error(`TensorFlow failed at ${doing}: ${message}`) : new UserError(
    `Cannot keep compiled functions in ${quoted(folder)}: ${why}; free space there, or let XDG_CACHE_HOME name another folder`,
  );
}

/** Loads a library for the process's whole life, as its threads still run when Deno closes what it opened; why it cannot. */
export function keepLoaded(path: string): string | undefined {
  const [RTLD_NOW, RTLD_NODELETE] = [2, Deno.build.os === "darwin" ? 0x80 : 0x1000];
  const libc = Deno.dlopen(LIBC, {
    dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
    dlerror: { parameters: [], result: "pointer" },
  });
  const opened = libc.symbols.dlopen(cstring(path), RTLD_NOW | RTLD_NODELETE);
  const why = opened ? undefined : text(libc.symbols.dlerror());
  libc.close();
  return why;
}

/** The C library's file on this system. */
export const LIBC: string = Deno.build.os === "darwin" ? "libSystem.dylib" : "libc.so.6";

function text(pointer: Deno.PointerValue): string {
  return pointer ? Deno.UnsafePointerView.getCString(pointer) : "";
}

/**
 * Runs `fn` with the process's standard error closed to C code. TensorFlow logs its start-up there and offers no
 * switch for all of it; what goes wrong comes back through the status instead.
 */
function withQuietStderr<T>(fn: () => T): T {
  Deno.env.set("TF_CPP_MIN_LOG_LEVEL", Deno.env.get("TF_CPP_MIN_LOG_LEVEL") ?? "3"); // reaches the C side; silences XLA later on
  const libc = Deno.dlopen(LIBC, {
    dup: { parameters: ["i32"], result: "i32" },
    dup2: { parameters: ["i32", "i32"], result: "i32" },
    open: { parameters: ["buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const { dup, dup2, open, close } = libc.symbols;
  const saved = dup(2);
  const nowhere = open(cstring("/dev/null"), 1);
  dup2(nowhere, 2);
  try {
    return fn();
  } finally {
    dup2(saved, 2);
    close(saved);
    close(nowhere);
    libc.close();
  }
}
