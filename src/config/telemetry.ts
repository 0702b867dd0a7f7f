// ONNX Runtime reports its use to its makers unless told not to; it looks when it is loaded, so this is imported first.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
