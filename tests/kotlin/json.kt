// Stub for the tests: the names and types that the README of an export uses.
package org.json
class JSONObject(text: String) { fun getJSONArray(name: String): JSONArray = JSONArray(); fun getString(name: String): String = "" }
class JSONArray { fun length(): Int = 0; fun getJSONObject(i: Int): JSONObject = JSONObject(""); fun getDouble(i: Int): Double = 0.0 }
