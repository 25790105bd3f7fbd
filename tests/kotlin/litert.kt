// Stub for the tests: the names and types that the README of an export uses.
package com.google.ai.edge.litert
import android.content.res.AssetManager
enum class Accelerator { NONE, CPU, GPU, NPU }
class Environment : AutoCloseable { override fun close() {} }
class TensorBuffer : AutoCloseable {
  fun writeInt(data: IntArray) {}
  fun writeFloat(data: FloatArray) {}
  fun readFloat(): FloatArray = FloatArray(0)
  override fun close() {}
}
class CompiledModel : AutoCloseable {
  class Options(vararg accelerators: Accelerator) { companion object { @JvmStatic val CPU = Options(Accelerator.CPU) } }
  fun createInputBuffer(inputName: String, signature: String? = null): TensorBuffer = TensorBuffer()
  fun createOutputBuffer(outputName: String, signature: String? = null): TensorBuffer = TensorBuffer()
  fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signature: String) {}
  fun run(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String? = null) {}
  override fun close() {}
  companion object {
    @JvmOverloads @JvmStatic
    fun create(assetManager: AssetManager, assetName: String, options: Options = Options.CPU, optionalEnv: Environment? = null): CompiledModel = CompiledModel()
  }
}
